"""Turns render's tones into terminal styles, through the theme; the only place in the TUI that does.

The text of a span never meets a markup parser: it goes from the span into a segment, with tabs widened and
whatever could move the cursor left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from vops.model.text import scrub
from vops.render.text import Line, Span, Tone, cell_width


class _Drawn(NamedTuple):
    """The theme's variables for what something is drawn in; where one is left empty: like what is around it."""

    colour: str = ""
    ground: str = ""
    bold: bool = False


_TONES: Mapping[Tone, _Drawn] = {
    Tone.PLAIN: _Drawn("foreground"),
    Tone.STRONG: _Drawn("strong", bold=True),
    Tone.DIM: _Drawn("faint"),
    Tone.GOOD: _Drawn("success"),
    Tone.WARN: _Drawn("warning"),
    Tone.BAD: _Drawn("error", bold=True),
    Tone.ACCENT: _Drawn("primary"),
    Tone.ADDED: _Drawn("success"),
    Tone.REMOVED: _Drawn("error"),
}


class Part(Enum):
    """What is not text of a tone. The values are those of the theme.

    Not component classes, and neither are tones: Textual styles each of those anew for each widget whenever anything
    about the widget changes.
    """

    HEADER = _Drawn("faint")
    SORTED = _Drawn("primary", bold=True)
    MARK = _Drawn("primary")
    TRACK = _Drawn(ground="boost")
    BAR = _Drawn("bar")
    HATCH = _Drawn("rule")
    CURSOR = _Drawn(ground="cursor")
    CURSOR_AWAY = _Drawn(ground="cursor-away")
    ADDED_LINE = _Drawn(ground="added-line")
    REMOVED_LINE = _Drawn(ground="removed-line")
    KEY = _Drawn("footer-key-foreground", "footer-key-background", bold=True)
    KEY_TEXT = _Drawn("footer-description-foreground", "footer-description-background")
    UNDER_MOUSE = _Drawn(ground="block-hover-background")


LONGEST_LINE = 4000
"""Characters of one line that are drawn; the rest is counted."""


class Palette(NamedTuple):
    """The styles over one background: looked up once a frame, not once a segment."""

    base: Style
    tones: Mapping[Tone, Style]
    parts: Mapping[Part, Style]
    values: tuple[str, ...]
    """Those of the theme's variables."""

    def over(self, part: Part) -> Palette:
        """The styles where `part` lies on the background."""
        return _palette(self.parts[part], self.values)


def palette_of(widget: Widget) -> Palette:
    """What a widget draws with at present."""
    variables = widget.app.theme_variables
    return _palette(widget.rich_style, tuple(variables.get(name, "") for name in _VARIABLES))


_VARIABLES = tuple({name: None for drawn in (*_TONES.values(), *(part.value for part in Part)) for name in drawn[:2]})


@lru_cache(maxsize=256)
def _palette(base: Style, values: tuple[str, ...]) -> Palette:
    """A theme that does not know a variable leaves what is there."""
    known = dict(zip(_VARIABLES, values, strict=True))
    tones = {tone: base + _style(drawn, known) for tone, drawn in _TONES.items()}
    return Palette(base, tones, {part: base + _style(part.value, known) for part in Part}, values)


def _style(drawn: _Drawn, known: Mapping[str, str]) -> Style:
    return Style(color=_colour(known[drawn.colour]), bgcolor=_colour(known[drawn.ground]), bold=drawn.bold or None)


def _colour(value: str) -> RichColor | None:
    """None for what nothing is seen of."""
    parsed = Color.parse(value) if value else None
    return parsed.rich_color if parsed and parsed.a else None


@lru_cache(maxsize=8192)
def drawable(text: str) -> str:
    """`text` as one line that a terminal draws and does not obey."""
    if text.isascii() and text.isprintable() and len(text) <= LONGEST_LINE:
        return text
    more = len(text) - LONGEST_LINE
    shown = scrub(text[:LONGEST_LINE]).expandtabs(4).replace("\n", " ")
    return f"{shown} … {more:,} more characters" if more > 0 else shown


def content(text: str) -> Content:
    """`text` for a widget of Textual's own: as it is, never as markup, and safe to draw."""
    return Content(drawable(text))


def line_strip(palette: Palette, spans: Iterable[Span]) -> Strip:
    """A line as segments, as wide as its text."""
    return Strip([Segment(drawable(span.text), palette.tones[span.tone]) for span in spans if span.text])


def line_width(spans: Line) -> int:
    """Cells that a line takes when drawn."""
    return sum(cell_width(drawable(span.text)) for span in spans)
