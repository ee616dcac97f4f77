"""A screen about one thing in numbered panes: what is wrong with it in one, what it does in the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual.binding import Binding

from vops.render.text import Line, Span, Tone
from vops.tui.messages import DiagnosisAsked, FixAsked
from vops.tui.screens.base import SubjectScreen
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.lines import Lines


def pane_keys(crumb: str, panes: Mapping[str, str]) -> Iterator[Binding]:
    """A number for each pane, and tab for the next."""
    for number, (name, title) in enumerate(panes.items(), 1):
        yield Binding(str(number), f"pane('{name}')", title, show=False, id=f"{crumb}.{name}")
    yield Binding("tab", "turn(1)", "Next pane", show=False, id=f"{crumb}.next")
    yield Binding("shift+tab", "turn(-1)", "Previous pane", show=False, id=f"{crumb}.back")


class PanedScreen(SubjectScreen):
    """Panes take turns where there is little room; `panes` are their ids and titles, `#tabs` says which is seen."""

    panes: ClassVar[Mapping[str, str]]

    def lines(self, pane: str, lines: list[Line]) -> None:
        """Puts lines into a pane."""
        self.query_one(f"#{pane}", Lines).show(lines)

    def action_pane(self, name: str) -> None:
        """Goes to a pane; where panes take turns, it is the one to be seen."""
        for pane in self.panes:
            self.query_one(f"#{pane}").set_class(pane == name, "-chosen")
        self.query_one("#tabs", Bar).show(
            tuple(
                Span(f" {key} {title} ", Tone.STRONG if pane == name else Tone.DIM)
                for key, (pane, title) in enumerate(self.panes.items(), 1)
            )
        )
        self.query_one(f"#{name}").focus()

    def action_turn(self, step: int) -> None:
        names, focused = list(self.panes), self.focused.id if self.focused else None
        place = names.index(focused) if focused in names else -1
        self.action_pane(names[(place + step) % len(names)])

    def action_diagnose(self) -> None:
        self.post_message(DiagnosisAsked(self.ref))

    def action_fix(self) -> None:
        self.post_message(FixAsked(self.ref))
