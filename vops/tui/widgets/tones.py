"""Turns render's tones into terminal styles, through the theme; the only place in the TUI that does.

The text of a span never meets a markup parser: it goes from the span into a segment, with tabs widened and
whatever could move the cursor left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from vops.model.text import scrub
from vops.render.text import Line, Span, Tone, cell_width

_OF_THEME: Mapping[Tone, tuple[str, bool]] = {
    Tone.PLAIN: ("foreground", False),
    Tone.STRONG: ("strong", True),
    Tone.DIM: ("faint", False),
    Tone.GOOD: ("success", False),
    Tone.WARN: ("warning", False),
    Tone.BAD: ("error", True),
    Tone.ACCENT: ("primary", False),
    Tone.ADDED: ("success", False),
    Tone.REMOVED: ("error", False),
}
"""The theme's variable for the colour of each tone, and whether it is bold.

Not component classes: Textual styles each of those anew for each widget whenever anything about the widget changes.
"""
LONGEST_LINE = 4000
"""Characters of one line that are drawn; the rest is counted."""


class Palette:
    """The styles of one widget for one frame: looked up once, not once per segment."""

    def __init__(self, widget: Widget, *names: str, over: str = "") -> None:
        base = widget.rich_style
        if over:
            base += widget.get_component_rich_style(over, partial=True)
        self.base = base
        variables = widget.app.theme_variables
        styles = _styles_of(tuple(variables.get(name, "") for name, _ in _OF_THEME.values()))
        self.tones = {tone: base + style for tone, style in styles.items()}
        self.named = {name: base + widget.get_component_rich_style(name, partial=True) for name in names}


@lru_cache(maxsize=32)
def _styles_of(colours: tuple[str, ...]) -> Mapping[Tone, Style]:
    """The style of each tone over whatever it is drawn on; a theme that does not know a colour leaves it."""
    return {
        tone: Style(color=Color.parse(colour).rich_color if colour else None, bold=bold or None)
        for (tone, (_, bold)), colour in zip(_OF_THEME.items(), colours, strict=True)
    }


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
