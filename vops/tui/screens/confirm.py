"""Asks before anything is done: what, to which object in which cluster. The safe button has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.widgets import Button, Input

from vops.render.text import Line
from vops.tui.screens.base import titled
from vops.tui.screens.dialog import Dialog
from vops.tui.widgets.lines import Lines
from vops.tui.widgets.tones import content, drawable


class ConfirmScreen(Dialog[bool]):
    """True only for the button that says what it does; with `type_this`, only once that is typed."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="confirm.cancel"),
        Binding("left,right,tab,shift+tab", "other", "Other button", show=False, id="confirm.other"),
    ]

    def __init__(self, title: str, lines: Sequence[Line], verb: str, *, type_this: str = "") -> None:
        super().__init__(id="confirm")
        self._title, self._lines, self._verb, self._type_this = title, list(lines), verb, type_this

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield Lines(widget_id="what")
            if self._type_this:
                yield Input(placeholder=drawable(f"type {self._type_this} to go on"), compact=True, id="typed")
            with Horizontal(id="buttons"):
                yield Button(content("Cancel"), id="cancel", compact=True)
                yield Button(content(self._verb), id="go", variant="warning", compact=True)

    def on_mount(self) -> None:
        titled(self.query_one("#box"), self._title, hint="esc cancels · ←→ chooses · enter presses")
        what = self.query_one(Lines)
        what.can_focus = False
        what.show(self._lines)
        self.query_one("#go", Button).disabled = bool(self._type_this)
        self.query_one("#cancel", Button).focus()

    def on_resize(self, event: events.Resize) -> None:
        what = self.query_one(Lines)
        what.styles.height = min(what.height_for(min(event.size.width * 9 // 10, 92) - 6), event.size.height - 8)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#go", Button).disabled = event.value != self._type_this

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "go")

    def action_other(self) -> None:
        """From one to the next of what can be chosen here."""
        self.screen.focus_next()

    def action_cancel(self) -> None:
        self.dismiss(False)
