"""The prompt at the bottom: `/` filters while one types, `:` takes a command and completes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

_PLACEHOLDERS = {":": "ns NAME · ctx NAME · sort kv · help · q", "/": "regular expression; ! before it inverts"}


class Completer(Suggester):
    """Completes the last word from whatever `candidates` says fits the words before it."""

    def __init__(self, candidates: Callable[[str], Iterable[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._candidates = candidates

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        return next((text for text in self._candidates(value) if text.startswith(value) and text != value), None)


class PromptInput(Input):
    """An input whose tab key accepts the completion."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Done", id="prompt.done"),
        Binding("tab", "accept", "Complete", id="prompt.accept"),
        Binding("escape", "leave", "Clear", id="prompt.leave"),
    ]

    class Left(Message):
        """Escape was pressed."""

    def action_accept(self) -> None:
        if self._suggestion:
            self.value = self._suggestion
            self.cursor_position = len(self.value)

    def action_leave(self) -> None:
        self.post_message(self.Left())


class Prompt(Horizontal):
    """One input with a sign before it; hidden until it is opened."""

    class Typed(Message):
        """The text changed; `sign` tells what it is for."""

        def __init__(self, sign: str, text: str) -> None:
            super().__init__()
            self.sign, self.text = sign, text

    class Done(Message):
        """Enter (`accepted`) or escape was pressed."""

        def __init__(self, sign: str, text: str, *, accepted: bool) -> None:
            super().__init__()
            self.sign, self.text, self.accepted = sign, text, accepted

    def __init__(self, candidates: Callable[[str], Iterable[str]], *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._candidates = candidates
        self._sign = "/"

    def compose(self) -> ComposeResult:
        yield Static("", markup=False, id="sign")
        yield PromptInput(compact=True, select_on_focus=False, id="typed")

    def on_mount(self) -> None:
        self.display = False

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open(self, sign: str, text: str = "") -> None:
        """Shows the prompt with `text` in it and takes the focus."""
        self._sign = sign
        self.display = True
        self.query_one("#sign", Static).update(Content(sign))
        field = self.query_one(PromptInput)
        field.suggester = Completer(self._candidates) if sign == ":" else None
        field.placeholder = (
            "command, such as ns NAME · ctx NAME · sort kv · q" if sign == ":" else "regular expression, ! inverts"
        )
        with self.prevent(Input.Changed):
            field.value = text
        field.cursor_position = len(text)
        field.focus()

    def close(self) -> None:
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self._sign, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._end(event.value, accepted=True)

    def on_prompt_input_left(self, event: PromptInput.Left) -> None:
        event.stop()
        self._end(self.query_one(PromptInput).value, accepted=False)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A click elsewhere is as good as enter for a filter, and as escape for a command."""
        if self.display:
            self._end(self.query_one(PromptInput).value, accepted=self._sign == "/")

    def _end(self, text: str, *, accepted: bool) -> None:
        self.close()
        self.post_message(self.Done(self._sign, text, accepted=accepted))
