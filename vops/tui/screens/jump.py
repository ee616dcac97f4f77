"""Jump mode: a letter on every pane of the screen beneath; pressing it goes there."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from vops.tui.screens.dialog import Dialog

LETTERS = "asdfghjklqwertyuiop"


class JumpScreen(Dialog[Widget | None]):
    """Gives back the pane that was chosen; None for any other key."""

    CSS_PATH = "jump.tcss"

    def __init__(self, panes: Iterable[Widget]) -> None:
        super().__init__(id="jump")
        self._panes = dict(zip(LETTERS, panes, strict=False))

    def compose(self) -> ComposeResult:
        for letter, pane in self._panes.items():
            mark = Static(f" {letter} ", markup=False, classes="mark")
            mark.styles.offset = (pane.region.x + 1, pane.region.y)
            yield mark

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.dismiss(self._panes.get(event.key))


def panes_of(screen: Widget, focusable: Iterable[Widget]) -> list[Widget]:
    """What can be jumped to: what takes the focus and is to be seen, from the top left."""
    seen = [pane for pane in focusable if pane.region.area and pane.region.overlaps(screen.region)]
    return sorted(seen, key=lambda pane: (pane.region.y, pane.region.x))
