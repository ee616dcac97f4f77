"""A log pane: a bounded tail, flushed in batches, that says how many lines it had to drop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size

from vops.render.cells import CRAMPED
from vops.render.filters import Match
from vops.render.replica import log_line
from vops.render.text import Line, Span, Tone
from vops.tui.widgets.lines import Lines
from vops.tui.widgets.log_view import LogView
from vops.tui.widgets.tones import LONGEST_LINE, drawable

KEPT_LINES = 5000
FLUSH_EVERY_S = 0.1


class LogPane(Lines):
    """Lines arrive by `feed` at any speed; the screen sees them at most ten times a second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end,G", "follow", "Newest line", show=False, id="log.follow"),
        Binding("F", "fold", "Like lines as one", show=False, id="log.fold"),
        Binding("W", "whole", "Whole lines", show=False, id="log.whole", tooltip="With process and place, or not"),
    ]

    def __init__(self, *, kept: int = KEPT_LINES, widget_id: str | None = None) -> None:
        super().__init__(wrap=False, widget_id=widget_id)
        self._kept = kept
        self._waiting: deque[str] = deque(maxlen=kept)
        self._texts: deque[str] = deque(maxlen=kept)
        self._drawn: dict[int, Line] = {}
        self._first = 0
        self._at_end = True
        self._brief: bool | None = None
        """Whether lines are shortened; None: as it fits."""
        self._drawn_brief = False
        self._arrived = 0
        self._widest = 0
        self._title, self._note = "log", ""
        self._view = LogView()
        self._wanted = Match()
        self._found: int | None = None
        """The number of the line that was searched for last."""
        self._hits = ""

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
        self._title, self._note, self._found = title, "", None
        self._view.rebuild(())
        self._resized()
        self.scroll_home(animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._at_end = self.is_vertical_scroll_end

    def on_resize(self, event: events.Resize) -> None:
        """Who followed the log before the terminal changed follows it still."""
        super().on_resize(event)
        if self._at_end:
            self.scroll_end(animate=False, immediate=True, force=True)

    def flush(self) -> None:
        """Shows what has arrived; stays at the end if it was there."""
        if not self._waiting:
            return
        following = self.is_vertical_scroll_end
        overflow = max(0, len(self._texts) + len(self._waiting) - self._kept)
        for number in range(self._first, self._first + overflow):
            self._drawn.pop(number, None)
        self._first += overflow
        gone = self._view.forget(self._first) if self._view.narrowed else overflow
        if self._view.narrowed:
            self._view.take(enumerate(self._waiting, self._first + len(self._texts) - overflow))
        self._texts.extend(self._waiting)
        self._widest = max(self._widest, *(min(len(text), LONGEST_LINE) for text in self._waiting))
        self._waiting.clear()
        self._resized()
        if following:
            self.scroll_end(animate=False, immediate=True, force=True)
        elif gone:
            self.scroll_relative(y=-gone, animate=False)

    @property
    def arrived(self) -> int:
        """Lines that have come so far, those that were dropped among them."""
        return self._arrived

    @property
    def numbered(self) -> list[tuple[int, str]]:
        """The lines that are shown or folded away, with their numbers."""
        return list(enumerate(self._texts, self._first))

    def reveal(self, number: int) -> None:
        """Goes to a line; where a filter leaves it out, to the one that comes after it."""
        self._go_to(number, at=self.size.height // 3)

    # --- filter, fold, search ---

    @property
    def shown(self) -> int:
        """How many rows there are."""
        return len(self._view) if self._view.narrowed else len(self._texts)

    def narrow(self, match: Match) -> None:
        """Shows the lines that `match` keeps, and stays near the line at the top."""
        self._arrange(lambda: setattr(self._view, "match", match))

    @property
    def brief(self) -> bool:
        """Whether lines are shown without what says least."""
        return self.size.width < CRAMPED if self._brief is None else self._brief

    def action_whole(self) -> None:
        self._brief = not self.brief
        self._entitle()
        self.refresh()

    def action_fold(self) -> None:
        self._arrange(lambda: setattr(self._view, "folds", not self._view.folds))

    def _arrange(self, change: Callable[[], object]) -> None:
        following, top = self.is_vertical_scroll_end, self._number(round(self.scroll_offset.y))
        change()
        if self._view.narrowed:
            self._view.rebuild(enumerate(self._texts, self._first))
        self._resized()
        if following:
            self.scroll_end(animate=False, immediate=True, force=True)
        else:
            self._go_to(top, at=0)

    def look_for(self, match: Match) -> None:
        """Marks what `match` finds and goes to the newest of it that is not below the present page."""
        self._wanted = match
        self._drawn.clear()
        self._found = None
        self._tell_hits("")
        if match.typed:
            self.action_find(-1, origin=self._number(round(self.scroll_offset.y) + self.size.height))
        self._resized()

    def action_find(self, step: int, origin: int | None = None) -> None:
        """The next line that is searched for, up or down, round the ends."""
        places = range(self.shown)
        hits = [number for number in map(self._number, places) if self._wanted.keeps(self._text(number))]
        if not self._wanted.typed:
            return
        if not hits:
            self._found = None
            self._tell_hits(f"nothing for {self._wanted.typed}")
            return
        at = self._found if origin is None else origin
        before = [number for number in hits if at is not None and number < at]
        after = [number for number in hits if at is None or number > at]
        chosen = (before or hits)[-1] if step < 0 else (after or hits)[0]
        self._drawn.pop(self._found if self._found is not None else -1, None)
        self._drawn.pop(chosen, None)
        self._found = chosen
        self._go_to(chosen, at=self.size.height // 3)
        self._tell_hits(f"{hits.index(chosen) + 1} of {len(hits)} for {self._wanted.typed}{self._wanted.remark}")
        self.refresh()

    def _tell_hits(self, text: str) -> None:
        self._hits = f"{text} · " if text else ""
        self._entitle()

    def _go_to(self, number: int, at: int) -> None:
        """Scrolls so that a line stands `at` rows below the top, where there is room."""
        place = self._view.place(number) if self._view.narrowed else number - self._first
        self.scroll_to(y=max(0, place - at), animate=False, immediate=True, force=True)

    def _number(self, place: int) -> int:
        """The number of the line at a place; of the last where there is none."""
        if not self._view.narrowed:
            return self._first + min(place, max(0, len(self._texts) - 1))
        return self._view.number(min(place, len(self._view) - 1)) if len(self._view) else self._first

    def _text(self, number: int) -> str:
        return self._texts[number - self._first]

    # --- drawing ---

    def _resized(self) -> None:
        self.virtual_size = Size(self._widest, self.shown)
        self._entitle()
        self.refresh()

    def _entitle(self) -> None:
        dropped = f" · {self.dropped:,} older dropped" if self.dropped else ""
        shown = f"{self.shown:,} of " if self._view.narrowed else ""
        how = f" · &{self._view.match.typed}{self._view.match.remark}" if self._view.match.typed else ""
        how += " · folded" if self._view.folds else ""
        counted = f"{self._title} · {shown}{len(self._texts):,} lines{dropped}{drawable(how)}"
        self.border_title = Content.assemble(counted, ("  " + drawable(self._hits + self._note), "not bold"))

    def action_follow(self) -> None:
        self.scroll_end(animate=False)

    def _fold(self, *, force: bool = False) -> None:
        """Log lines are never folded at the width."""

    def _line_at(self, place: int) -> Line:
        if place >= self.shown:
            return (Span(self._nothing, Tone.DIM),) if not self.shown and place == 0 else ()
        number = self._number(place)
        if self._view.narrowed and self._view.count(place) > 1:
            times = Span(f"×{self._view.count(place)} ", Tone.ACCENT)
            return (times, *self._drawing(number))
        return self._drawing(number)

    @property
    def _nothing(self) -> str:
        return "no line yet" if not self._texts else "no line is kept by the filter: & and esc show all"

    def _drawing(self, number: int) -> Line:
        if self._drawn_brief != self.brief:
            self._drawn.clear()
            self._drawn_brief = self.brief
        if number not in self._drawn:
            self._drawn[number] = self._marked(number, log_line(self._text(number), brief=self.brief))
        return self._drawn[number]

    def _marked(self, number: int, drawn: Line) -> Line:
        """A line with a mark before it where it is one that is searched for."""
        if not self._wanted.typed or not self._wanted.keeps(self._text(number)):
            return drawn
        return (Span("▶ " if number == self._found else "▷ ", Tone.ACCENT), *drawn)
