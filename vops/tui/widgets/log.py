"""A log pane: a bounded tail, flushed in batches, that says how many lines it had to drop."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size

from vops.render.replica import log_line
from vops.render.text import Line, Span, Tone
from vops.tui.widgets.lines import Lines
from vops.tui.widgets.tones import LONGEST_LINE, drawable

KEPT_LINES = 5000
FLUSH_EVERY_S = 0.1


class LogPane(Lines):
    """Lines arrive by `feed` at any speed; the screen sees them at most ten times a second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end,G", "follow", "Newest line", show=False, id="log.follow"),
    ]

    def __init__(self, *, kept: int = KEPT_LINES, widget_id: str | None = None) -> None:
        super().__init__(wrap=False, widget_id=widget_id)
        self._kept = kept
        self._waiting: deque[str] = deque(maxlen=kept)
        self._texts: deque[str] = deque(maxlen=kept)
        self._drawn: dict[int, Line] = {}
        self._first = 0
        self._arrived = 0
        self._widest = 0
        self._title, self._note = "log", ""

    def on_mount(self) -> None:
        self.set_interval(FLUSH_EVERY_S, self.flush)
        self._entitle()

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines that are held, those that are not drawn yet among them."""
        return (*self._texts, *self._waiting)

    @property
    def dropped(self) -> int:
        """Lines that arrived and are no longer held."""
        return self._arrived - len(self._texts) - len(self._waiting)

    def feed(self, lines: Iterable[str]) -> None:
        """Takes lines in; they show at the next flush."""
        for text in lines:
            self._waiting.append(text)
            self._arrived += 1

    def note(self, text: str) -> None:
        """Says in the title how the log is doing."""
        if text != self._note:
            self._note = text
            self._entitle()

    def clear(self, title: str) -> None:
        """Starts over with another log."""
        self._waiting.clear()
        self._texts.clear()
        self._drawn.clear()
        self._first = self._arrived = self._widest = 0
        self._title, self._note = title, ""
        self._resized()
        self.scroll_home(animate=False)

    def flush(self) -> None:
        """Shows what has arrived; stays at the end if it was there."""
        if not self._waiting:
            return
        following = self.is_vertical_scroll_end
        overflow = max(0, len(self._texts) + len(self._waiting) - self._kept)
        for number in range(self._first, self._first + overflow):
            self._drawn.pop(number, None)
        self._first += overflow
        self._texts.extend(self._waiting)
        self._widest = max(self._widest, *(min(len(text), LONGEST_LINE) for text in self._waiting))
        self._waiting.clear()
        self._resized()
        if following:
            self.scroll_end(animate=False, immediate=True, force=True)
        elif overflow:
            self.scroll_relative(y=-overflow, animate=False)

    def _resized(self) -> None:
        self.virtual_size = Size(self._widest, len(self._texts))
        self._entitle()
        self.refresh()

    def _entitle(self) -> None:
        dropped = f" · {self.dropped:,} older dropped" if self.dropped else ""
        counted = f"{self._title} · {len(self._texts):,} lines{dropped}"
        self.border_title = Content.assemble(counted, ("  " + drawable(self._note), "not bold"))

    def action_follow(self) -> None:
        self.scroll_end(animate=False)

    def _fold(self, *, force: bool = False) -> None:
        """Log lines are never folded."""

    def _line_at(self, place: int) -> Line:
        if place >= len(self._texts):
            return (Span("no line yet", Tone.DIM),) if not self._texts and place == 0 else ()
        number = self._first + place
        if number not in self._drawn:
            self._drawn[number] = log_line(self._texts[place])
        return self._drawn[number]
