"""Storage: the claims there are, who mounts them, and the models that servers read from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from vops.model.objects import Ref
from vops.operations.session import Session
from vops.operations.storage import Held, claims_of
from vops.render.storage_table import CLAIM_COLUMNS, ClaimRow, claim_line, claim_rows
from vops.render.text import Line, Span, Tone
from vops.tui.feed import Picture
from vops.tui.messages import ReplicaAsked
from vops.tui.screens.looking import LOOKING_KEYS, LookingScreen


class StorageScreen(LookingScreen[ClaimRow], inherit_bindings=False):
    """Claims are listed when it opens and now and then; who mounts them follows every picture."""

    crumb = "storage"
    noun = "Claims"
    look_again_s = 30.0
    columns = CLAIM_COLUMNS
    first_sort = "claim"
    biggest_first = frozenset({"size", "pods"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Its pod", id="storage.open", tooltip="The first replica that mounts it"),
        Binding("R", "runbooks", "Runbooks", id="storage.runbooks", tooltip="Seed a model, prove one…"),
        Binding("r", "look", "Again", id="storage.look", tooltip="Look again"),
        *LOOKING_KEYS,
    ]

    def __init__(self, typed: str = "") -> None:
        super().__init__(typed)
        self._held: list[Held] | None = None

    async def look(self, session: Session) -> None:
        self._held = await claims_of(session, self.ops.settings.namespace)

    def rows(self, picture: Picture) -> Sequence[ClaimRow]:
        place = self.ops.namespace
        held = [item for item in self._held or () if not place or item[0].metadata.namespace == place]
        return claim_rows(held, picture.facts) if held else ()

    def note(self, picture: Picture) -> str:
        return f"could not look: {self.failed.message}" if self.failed is not None else ""

    def nothing(self, picture: Picture) -> Line:
        if self.failed is not None:
            return (Span(self.failed.message, Tone.BAD), Span("  vops doctor names the Role that allows it", Tone.DIM))
        if self._held is None:
            return (Span("LOADING claims…", Tone.ACCENT),)
        return (Span("no claims", Tone.STRONG), Span("  :runbooks seed-model makes one and fills it", Tone.DIM))

    def told(self, row: ClaimRow) -> Line:
        return claim_line(row)

    def ref_of(self, row: ClaimRow) -> Ref:
        return row.ref

    # --- keys ---

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
