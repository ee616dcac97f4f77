"""Storage: the claims there are, who mounts them, and the models that servers read from them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from vops.errors import VopsError
from vops.model.resources import Ref
from vops.operations.storage import Held, claims_of
from vops.render.storage_table import CLAIM_COLUMNS, ClaimRow, claim_line, claim_rows
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import ReplicaAsked
from vops.tui.screens.listing import LIST_KEYS, ListScreen

LOOK_AGAIN_S = 30.0


class StorageScreen(ListScreen[ClaimRow], inherit_bindings=False):
    """Claims are listed when it opens and now and then; who mounts them follows every picture."""

    crumb = "storage"
    noun = "Claims"
    columns = CLAIM_COLUMNS
    first_sort = "claim"
    biggest_first = frozenset({"size", "pods"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Its pod", id="storage.open", tooltip="The first replica that mounts it"),
        Binding("R", "runbooks", "Runbooks", id="storage.runbooks", tooltip="Seed a model, prove one…"),
        Binding("r", "look", "Look again", id="storage.look"),
        *(binding for binding in LIST_KEYS if not isinstance(binding, Binding) or binding.key != "r"),
    ]

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self._held: list[Held] | None = None
        self._failed: VopsError | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.action_look()

    @work(exclusive=True, exit_on_error=False, group="look")
    async def _look(self) -> None:
        while True:
            session = self.ops.session
            if session is None:
                await asyncio.sleep(0.2)
                continue
            try:
                self._held, self._failed = await claims_of(session, self.ops.settings.namespace), None
            except VopsError as error:
                self._failed = error
            self.again()
            await session.clock.sleep(LOOK_AGAIN_S)

    def rows(self, picture: Picture) -> Sequence[ClaimRow]:
        place = self.ops.namespace
        held = [item for item in self._held or () if not place or item[0].metadata.namespace == place]
        return claim_rows(held, picture.facts) if held else ()

    def note(self, picture: Picture) -> str:
        return f"could not look: {self._failed.message}" if self._failed is not None else ""

    def nothing(self, picture: Picture) -> Line:
        if self._failed is not None:
            return (Span(self._failed.message, Tone.BAD), Span("  vops doctor names the Role that allows it", Tone.DIM))
        if self._held is None:
            return (Span("LOADING claims…", Tone.ACCENT),)
        return (Span("no claims", Tone.STRONG), Span("  :runbooks seed-model makes one and fills it", Tone.DIM))

    def told(self, row: ClaimRow) -> Line:
        return claim_line(row)

    def ref_of(self, row: ClaimRow) -> Ref:
        return row.ref

    # --- keys ---

    def action_look(self) -> None:
        self._look()

    def action_open(self) -> None:
        row, picture = self.table.current, self.ops.picture
        if row is None or picture is None:
            return
        found = next((item for name in row.pods if (item := picture.facts.replica(row.namespace, name))), None)
        if found is not None:
            self.post_message(ReplicaAsked(found.ref))
        else:
            self.ops.tell("no replica mounts it")

    def action_runbooks(self) -> None:
        self.ops.open("runbooks", typed="seed")
