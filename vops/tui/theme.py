"""The colours of vops: one dark palette whose states stay apart for every kind of colour vision.

Good is a bluish green, warning an amber, bad a vermilion, activity a sky blue (after Okabe and Ito): they differ in
lightness as well as in hue, and a glyph and a word always say the same.
"""

from __future__ import annotations

from textual.theme import Theme

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
