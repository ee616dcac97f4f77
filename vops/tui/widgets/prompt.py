"""The prompt at the bottom: `/` filters while one types, `:` takes a command, completes it and remembers it.

Above a command stand the candidates. ↓ and ↑ walk through them; ↑ in an empty prompt walks through what was typed
before. Tab takes a candidate over, enter does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from vops.render.text import Line, Span, Tone, fit
from vops.tui.widgets.lines import Lines

MOST_SHOWN = 8
ROWS_BESIDE = 12
"""What a screen does not give up for candidates, the prompt and the keys among it: what is typed is to be seen."""
HISTORY = 50


class Candidate(NamedTuple):
    """One completion: the whole text of the prompt, what it does, and what it takes."""

    text: str
    about: str = ""
    takes: str = ""

    @property
    def typed(self) -> str:
        """The text as it stands in the prompt, ready for an argument where one follows."""
        return f"{self.text} " if self.takes else self.text


Candidates = Callable[[str], Sequence[Candidate]]


class Completer(Suggester):
    """Shows the rest of the likeliest candidate behind the cursor."""

    def __init__(self, candidates: Candidates) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._candidates = candidates

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        fitting = (item.typed for item in self._candidates(value))
        return next((text for text in fitting if text.startswith(value) and text != value), None)


class PromptInput(Input):
    """An input whose keys are those of a prompt."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Done", id="prompt.done"),
        Binding("tab", "accept", "Complete", id="prompt.accept"),
        Binding("up", "walk(-1)", "Before", show=False, id="prompt.up"),
        Binding("down", "walk(1)", "Next", show=False, id="prompt.down"),
        Binding("escape", "leave", "Clear", id="prompt.leave"),
    ]

    class Left(Message):
        """Escape was pressed."""

    class Walked(Message):
        """An arrow was pressed."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Taken(Message):
        """Tab was pressed."""

    def action_accept(self) -> None:
        self.post_message(self.Taken())

    def action_walk(self, step: int) -> None:
        self.post_message(self.Walked(step))

    def action_leave(self) -> None:
        self.post_message(self.Left())


class Prompt(Vertical):
    """One input with a sign before it, and candidates above it; hidden until it is opened, and empty until then.

    An input is most of what it takes to make and to style a screen, and most screens are left without a word.
    """

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

    def __init__(self, candidates: Candidates, history: list[str], *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._candidates = candidates
        self._history = history
        self._found: Sequence[Candidate] = ()
        self._chosen = -1
        self._past: int | None = None
        self._sign = "/"

    def _fill(self) -> bool:
        """Makes everything at once, so that the next key finds the field; false where the screen is being left."""
        listed, row = Lines(wrap=False, widget_id="candidates"), Horizontal()
        listed.can_focus = False
        self.mount(listed, row)
        if row.is_attached:
            row.mount(Static("", markup=False, id="sign"), PromptInput(compact=True, select_on_focus=False, id="typed"))
        return row.is_attached

    def on_mount(self) -> None:
        self.display = False

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def _field(self) -> PromptInput:
        return self.query_one(PromptInput)

    def open(self, sign: str, text: str = "") -> None:
        """Shows the prompt with `text` in it and takes the focus."""
        if not self.children and not self._fill():
            return
        self._sign, self._past = sign, None
        self.display = True
        self.query_one("#sign", Static).update(Content(sign))
        field = self._field
        field.suggester = Completer(self._candidates) if sign == ":" else None
        field.placeholder = (
            "a screen, a name or a command" if sign == ":" else "regular expression · !not · -l app=llama · -f fuzzy"
        )
        self._put(text)
        # At once, not when the app comes to it: what is typed meanwhile would go to the screen.
        self.screen.set_focus(field)
        self._list()

    def take(self, character: str) -> None:
        """Types a character that has come another way than through the field."""
        self._field.insert_text_at_cursor(character)

    def close(self) -> None:
        self.display = False

    def _put(self, text: str) -> None:
        with self.prevent(Input.Changed):
            self._field.value = text
        self._field.cursor_position = len(text)

    # --- candidates ---

    def _list(self) -> None:
        """Finds the candidates of what is typed and shows them."""
        self._chosen = -1
        self._found = self._candidates(self._field.value) if self._sign == ":" else ()
        self._draw()

    def _draw(self) -> None:
        listed = self.query_one("#candidates", Lines)
        listed.display = bool(self._found)
        most = max(1, min(MOST_SHOWN, self.screen.size.height - ROWS_BESIDE))
        first = max(0, self._chosen - most + 1)
        shown = self._found[first : first + most]
        listed.styles.height = len(shown)
        width = max((len(item.text) + len(item.takes) for item in shown), default=0) + 1
        listed.show([_candidate_line(item, width, item is self._at) for item in shown])

    @property
    def _at(self) -> Candidate | None:
        return self._found[self._chosen] if 0 <= self._chosen < len(self._found) else None

    def on_prompt_input_walked(self, event: PromptInput.Walked) -> None:
        event.stop()
        if self._sign != ":":
            return
        if self._past is not None or (event.step < 0 and not self._field.value):
            self._recall(event.step)
        elif self._found:
            self._chosen = max(-1, min(self._chosen + event.step, len(self._found) - 1))
            self._draw()

    def _recall(self, step: int) -> None:
        past = len(self._history) if self._past is None else self._past
        self._past = max(0, min(past + step, len(self._history)))
        self._put(self._history[self._past] if self._past < len(self._history) else "")
        self._past = self._past if self._past < len(self._history) else None
        self._list()

    def on_prompt_input_taken(self, event: PromptInput.Taken) -> None:
        event.stop()
        chosen = self._at or (self._found[0] if self._found else None)
        if chosen is not None:
            self._put(chosen.typed)
            self._past = None
            self._list()

    # --- typing ---

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._past = None
        self._list()
        self.post_message(self.Typed(self._sign, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._end(self._at.text if self._at else event.value, accepted=True)

    def on_prompt_input_left(self, event: PromptInput.Left) -> None:
        event.stop()
        self._end(self._field.value, accepted=False)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A click elsewhere is as good as enter for a filter, and as escape for a command."""
        if self.display:
            self._end(self._field.value, accepted=self._sign != ":")

    def _end(self, text: str, *, accepted: bool) -> None:
        self.close()
        if accepted and self._sign == ":" and text.strip():
            remember(self._history, text.strip())
        self.post_message(self.Done(self._sign, text, accepted=accepted))


def remember(history: list[str], text: str) -> None:
    """Puts `text` last, once."""
    if text in history:
        history.remove(text)
    history.append(text)
    del history[:-HISTORY]


def _candidate_line(item: Candidate, width: int, chosen: bool) -> Line:
    tone = Tone.ACCENT if chosen else Tone.PLAIN
    takes = f" {item.takes}" if item.takes else ""
    return (
        Span(" ▌ " if chosen else "   ", tone),
        Span(item.text, Tone.STRONG if chosen else Tone.PLAIN),
        Span(fit(takes, max(0, width - len(item.text))) + "  ", Tone.DIM),
        Span(item.about, Tone.DIM),
    )
