"""Picks one of a list, or a name typed by hand: credentials that cannot list may still be allowed to look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from vops.model.text import one_line
from vops.tui.screens.base import titled
from vops.tui.screens.dialog import Dialog

SHOWN = 200


class Choice(Option):
    """One name, and what the choice of it gives back."""

    def __init__(self, value: str, text: str, *, current: bool) -> None:
        self.value, self._text = value, f"{'●' if current else ' '} {one_line(text, 120)}"
        super().__init__(self.marked(chosen=False))

    def marked(self, *, chosen: bool) -> Content:
        """How it is drawn: the one that enter picks is told by more than its colour."""
        return Content(f"{'▌' if chosen else ' '}{self._text}")


class PickScreen(Dialog[str | None]):
    """Gives back what was picked or typed; None when left. Of `several`, what was marked, with commas between."""

    CSS_PATH = "pick.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="pick.leave"),
        Binding("down", "move(1)", "Down", show=False, id="pick.down"),
        Binding("up", "move(-1)", "Up", show=False, id="pick.up"),
        Binding("tab", "mark", "Mark", show=False, id="pick.mark", tooltip="Mark it, where several may be picked"),
    ]

    def __init__(self, title: str, names: Sequence[tuple[str, str]], current: str, *, several: bool = False) -> None:
        super().__init__(id="pick")
        self._title, self._names, self._several = title, tuple(names), several
        self._current = current.split(",") if several else [current]
        self._marked: list[str] = []

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield Input(placeholder="type to narrow, or a name of your own", compact=True, id="typed")
            options = OptionList(id="names")
            options.can_focus = False
            yield options

    def on_mount(self) -> None:
        titled(
            self.query_one("#box"),
            self._title,
            hint=("tab marks · " if self._several else "") + "enter picks · esc leaves",
        )
        self._narrow("")
        self.query_one(Input).focus()

    def _narrow(self, typed: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        fitting = [item for item in self._names if typed.lower() in item[1].lower()][:SHOWN]
        options.add_options([Choice(value, text, current=value in self._shown) for value, text in fitting])
        chosen = next((index for index, (value, _) in enumerate(fitting) if value in self._current and not typed), 0)
        options.highlighted = chosen if fitting else None

    @property
    def _shown(self) -> Sequence[str]:
        """What has a dot: what is marked, else what holds now."""
        return self._marked or self._current

    def action_mark(self) -> None:
        """Marks what the cursor is on, or takes the mark away."""
        options = self.query_one(OptionList)
        place = options.highlighted
        option = options.get_option_at_index(place) if place is not None else None
        if not self._several or not isinstance(option, Choice):
            return
        if option.value in self._marked:
            self._marked.remove(option.value)
        else:
            self._marked.append(option.value)
        self._narrow(self.query_one(Input).value)
        options.highlighted = place

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        options = event.option_list
        for place, option in enumerate(options.options):
            if isinstance(option, Choice):
                options.replace_option_prompt_at_index(place, option.marked(chosen=option is event.option))

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is None:
            self.dismiss(event.value.strip() or None)
            return
        self._pick(options.get_option_at_index(options.highlighted))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._pick(event.option)

    def _pick(self, option: Option) -> None:
        if self._marked:
            self.dismiss(",".join(self._marked))
        else:
            self.dismiss(option.value if isinstance(option, Choice) else None)

    def on_click(self, event: events.Click) -> None:
        """A click beside the box leaves."""
        if event.widget is self:
            self.dismiss(None)

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_leave(self) -> None:
        self.dismiss(None)
