"""The line of key hints: what can be pressed here, drawn as one line.

Textual's Footer is a widget for every key, and most of what it costs to open a screen: each of them is made, styled and
laid out anew whenever the focus moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from vops.render.text import cell_width
from vops.tui.widgets.tones import Palette, Part, drawable, palette_of

_GAP = 2
_MARGIN = 1
_DIM = Style(dim=True)
_SCROLLED = 8
"""Cells that a turn of the wheel moves by."""


class Hint(NamedTuple):
    """A key as it is shown, and what it does; `enabled` when it does something now."""

    key: str
    shown: str
    text: str
    enabled: bool
    tooltip: str

    @property
    def width(self) -> int:
        return cell_width(self.shown) + (1 + cell_width(self.text) if self.text else 0)


class Hints(Widget):
    """The keys of the screen and of what has the focus; a click presses one, the wheel goes on to those cut off."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Hints { dock: bottom; height: 1; background: $background; color: $footer-foreground; }"

    def __init__(self) -> None:
        super().__init__()
        self._hints: tuple[Hint, ...] = ()
        self._left_out = 0
        self._under_mouse: Hint | None = None

    @property
    def seen(self) -> Sequence[Hint]:
        """The hints that are on the screen as a whole."""
        return [hint for hint, at in self._placed() if at >= 0 and at + hint.width <= self._room]

    @property
    def _room(self) -> int:
        return max(0, self.size.width - _MARGIN)

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._take)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _take(self, screen: Screen[object]) -> None:
        """Shows what the screen's keys are now: the first of those that do the same."""
        if not self.app.app_focus or screen is not self.screen:
            return
        found: dict[str, Hint] = {}
        for _, binding, enabled, tooltip in screen.active_bindings.values():
            if binding.show:
                hint = Hint(binding.key, self.app.get_key_display(binding), binding.description, enabled, tooltip)
                found.setdefault(binding.action, hint)
        if tuple(found.values()) != self._hints:
            self._hints, self._left_out, self._under_mouse = tuple(found.values()), 0, None
            self.refresh()

    def _placed(self) -> Iterator[tuple[Hint, int]]:
        """Each hint with the column that it begins at."""
        at = -self._left_out
        for hint in self._hints:
            yield hint, at
            at += hint.width + _GAP

    def _at(self, column: int) -> Hint | None:
        return next((hint for hint, at in self._placed() if at <= column < at + hint.width), None)

    # --- the mouse ---

    def on_mouse_down(self, event: events.MouseDown) -> None:
        hint = self._at(event.x - _MARGIN)
        if hint is not None and hint.enabled:
            self.app.simulate_key(hint.key)
        elif hint is not None:
            self.app.bell()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._point_at(self._at(event.x - _MARGIN))

    def on_leave(self) -> None:
        self._point_at(None)

    def _point_at(self, hint: Hint | None) -> None:
        if hint != self._under_mouse:
            self._under_mouse = hint
            self.tooltip = hint.tooltip or None if hint else None
            self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(event, _SCROLLED)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(event, -_SCROLLED)

    def _scroll(self, event: events.MouseEvent, cells: int) -> None:
        whole = sum(hint.width + _GAP for hint in self._hints) - _GAP
        moved = max(0, min(self._left_out + cells, whole - self._room))
        if moved != self._left_out:
            self._left_out = moved
            self.refresh()
            event.stop()

    # --- drawing ---

    def render_line(self, y: int) -> Strip:
        palette = palette_of(self)
        blank = Segment(" ", palette.base)
        parts = [segment for hint in self._hints for segment in (*self._segments(palette, hint), blank, blank)]
        hints = Strip(parts[:-1])
        shown = hints.crop(self._left_out, self._left_out + self._room)
        return Strip([Segment(" " * _MARGIN, palette.base), *shown]).adjust_cell_length(self.size.width, palette.base)

    def _segments(self, palette: Palette, hint: Hint) -> Iterator[Segment]:
        key, text = palette.parts[Part.KEY], palette.parts[Part.KEY_TEXT]
        if hint == self._under_mouse:
            under = palette.parts[Part.UNDER_MOUSE].background_style
            key, text = key + under, text + under
        if not hint.enabled:
            key, text = key + _DIM, text + _DIM
        yield Segment(drawable(hint.shown), key)
        if hint.text:
            yield Segment(f" {drawable(hint.text)}", text)
