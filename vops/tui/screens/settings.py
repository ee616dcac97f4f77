"""Settings: what holds in this session, what differs from the usual, and the file that changes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from vops.render.settings import settings_lines
from vops.render.text import Line, Span, Tone, line
from vops.settings import config_path
from vops.tui.screens.base import BACK, OpsScreen, titled
from vops.tui.widgets.lines import Lines


class SettingsScreen(OpsScreen):
    """Nothing is edited here: the file is, or a flag is given."""

    crumb = "settings"
    CSS_PATH = "page.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [BACK]

    def body(self) -> Iterable[Widget]:
        yield Lines(widget_id="page")

    def on_mount(self) -> None:
        super().on_mount()
        page = self.query_one("#page", Lines)
        page.focus()
        titled(page, "Settings", "● differs from the usual")
        page.show([*_place(), (), *settings_lines(self.ops.settings)])


def _place() -> list[Line]:
    path = config_path(dict(os.environ))
    there = "" if path.exists() else "  (not there yet)"
    return [
        line(Span("file  ", Tone.DIM), str(path), Span(there, Tone.DIM)),
        line(
            Span(
                "      VOPS_NAME in the environment and flags win over it; :theme and :density hold until vops ends",
                Tone.DIM,
            )
        ),
    ]
