"""The themes of vops: each a palette whose states differ in lightness as well as in hue.

A glyph and a word always say the same as the colour, so that the monochrome theme loses nothing. The ASCII theme is
monochrome and draws no character that a bare serial console would not.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter, Monochrome
from textual.theme import Theme

from vops.render.text import cell_width

DEFAULT = "night"
MONO, ASCII = "mono", "ascii"


def _theme(name: str, *, dark: bool, ground: str, panel: str, boost: str, text: str, strong: str, faint: str, rule: str,
           primary: str, good: str, warn: str, bad: str, cursor: str, away: str, bar: str, added: str,
           removed: str) -> Theme:  # fmt: skip
    """A theme of few colours; everything that Textual asks for beyond them follows."""
    return Theme(
        name=f"vops-{name}",
        dark=dark,
        primary=primary,
        secondary=faint,
        accent=primary,
        success=good,
        warning=warn,
        error=bad,
        foreground=text,
        background=ground,
        surface=ground,
        panel=panel,
        boost=boost,
        text_alpha=1.0,
        variables={
            "faint": faint,
            "rule": rule,
            "strong": strong,
            "cursor": cursor,
            "cursor-away": away,
            "bar": bar,
            "added-line": added,
            "removed-line": removed,
            "border": rule,
            "border-blurred": rule,
            "scrollbar": rule,
            "scrollbar-hover": faint,
            "scrollbar-active": primary,
            "scrollbar-background": ground,
            "scrollbar-background-hover": ground,
            "scrollbar-background-active": ground,
            "scrollbar-corner-color": ground,
            "footer-background": ground,
            "footer-item-background": ground,
            "footer-key-foreground": primary,
            "footer-key-background": ground,
            "footer-description-foreground": faint,
            "footer-description-background": ground,
            "input-selection-background": f"{primary} 35%",
            "block-hover-background": away,
        },
    )


NIGHT = Theme(
    name="vops-night",
    dark=True,
    primary="#5ab0f6",
    secondary="#7f8ea3",
    accent="#5ab0f6",
    success="#3ecfa4",
    warning="#f2b84b",
    error="#ff7a5c",
    foreground="#d3dae4",
    background="#0e1218",
    surface="#0e1218",
    panel="#161c25",
    boost="#1b222d",
    text_alpha=1.0,
    variables={
        "faint": "#6d7b8e",
        "rule": "#27303d",
        "strong": "#f3f6fa",
        "cursor": "#1d3147",
        "cursor-away": "#1a212b",
        "bar": "#3f7fb5",
        "added-line": "#10291f",
        "removed-line": "#33191a",
        "border": "#27303d",
        "border-blurred": "#27303d",
        "scrollbar": "#2c3745",
        "scrollbar-hover": "#3a4859",
        "scrollbar-active": "#5ab0f6",
        "scrollbar-background": "#0e1218",
        "scrollbar-background-hover": "#0e1218",
        "scrollbar-background-active": "#0e1218",
        "scrollbar-corner-color": "#0e1218",
        "footer-background": "#0e1218",
        "footer-item-background": "#0e1218",
        "footer-key-foreground": "#5ab0f6",
        "footer-key-background": "#0e1218",
        "footer-description-foreground": "#8a97a8",
        "footer-description-background": "#0e1218",
        "input-selection-background": "#5ab0f6 35%",
        "block-hover-background": "#1a212b",
    },
)
DAY = _theme(
    "day", dark=False, ground="#fbfcfd", panel="#edf1f5", boost="#e2e8ee", text="#25303b", strong="#0b1117",
    faint="#5d6a78", rule="#c9d2dc", primary="#0b62a8", good="#04704f", warn="#8a5300", bad="#b3261e", cursor="#d3e6f7",
    away="#e6edf4", bar="#5b9bd1", added="#dcf3e8", removed="#fbe3e0",
)  # fmt: skip
COLOUR_BLIND = _theme(
    "colour-blind", dark=True, ground="#0c0f14", panel="#161b23", boost="#202731", text="#e2e6ec", strong="#ffffff",
    faint="#8b95a3", rule="#2b3441", primary="#56b4e9", good="#56b4e9", warn="#f0e442", bad="#e69f00", cursor="#233a52",
    away="#1b222c", bar="#0072b2", added="#0d2a40", removed="#3d2c05",
)  # fmt: skip
"""Blue, yellow and orange only: no pair of them meets for any kind of colour vision."""
GREY = _theme(
    "mono", dark=True, ground="#000000", panel="#161616", boost="#242424", text="#d0d0d0", strong="#ffffff",
    faint="#8f8f8f", rule="#3a3a3a", primary="#ffffff", good="#d0d0d0", warn="#ffffff", bad="#ffffff", cursor="#3c3c3c",
    away="#262626", bar="#8a8a8a", added="#1c1c1c", removed="#2a2a2a",
)  # fmt: skip

THEMES: dict[str, Theme] = {"night": NIGHT, "day": DAY, "colour-blind": COLOUR_BLIND, MONO: GREY, ASCII: GREY}

_ASCII = str.maketrans(
    {
        "●": "*", "◐": "~", "◔": ".", "○": "o", "▲": "!", "✗": "X", "↓": "v", "✓": "+", "◌": ".", "◑": "~", "↻": "@",
        "⊘": "#", "·": ".", "›": ">", "–": "-", "—": "-", "…": "~", "▌": ">", "▼": "v", "→": ">", "←": "<", "↑": "^",
        "◆": "?", "×": "x", "█": "#", "▉": "#", "▊": "#", "▋": "#", "▍": "=", "▎": "-", "▏": "-", "▁": "_", "▂": "_",
        "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "─": "-", "━": "-", "│": "|", "┃": "|", "╭": "+", "╮": "+",
        "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
        "▕": "|", "▔": "-", "▐": "|", "▀": "-", "░": ":", "▒": ":", "▓": "#", "⇄": "=", "║": "|", "═": "=", "≥": ">",
        "╱": "/", "■": "#", "▶": ">", "◀": "<", "‖": "=", "╸": "-", "╺": "-",
    }
)  # fmt: skip


class Bare(LineFilter):
    """Draws only what ASCII has, cell for cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [segment if segment.text.isascii() else _bare(segment) for segment in segments]


def _bare(segment: Segment) -> Segment:
    text = segment.text.translate(_ASCII)
    if not text.isascii():
        text = "".join(char if char.isascii() else _plain(char) for char in text)
    return Segment(text, segment.style, segment.control)


_BRAILLE = 0x2800
_FILLS = " .::=+##@"
"""What stands for a braille cell of so many dots."""


def _plain(char: str) -> str:
    """A dot pattern as what is as full; anything else as marks of its width."""
    if 0 <= ord(char) - _BRAILLE < 256:
        return _FILLS[(ord(char) - _BRAILLE).bit_count()]
    return "?" * cell_width(char)


def filters_of(theme: str) -> list[LineFilter]:
    """What is done to every line before it is written, in this theme."""
    found: dict[str, list[LineFilter]] = {MONO: [Monochrome()], ASCII: [Monochrome(), Bare()]}
    return found.get(theme, [])
