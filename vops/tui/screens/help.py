"""Help: every key of the screen it was asked from, taken from the bindings themselves, and what the columns mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from vops.diagnosis.states import ReplicaState
from vops.render.fleet_table import ALL_REPLICA_COLUMNS
from vops.render.states import state_span
from vops.render.text import Line, Span, Tone, line
from vops.tui.screens.base import titled
from vops.tui.widgets.lines import Lines

_STATES = {
    ReplicaState.PENDING: "no node yet",
    ReplicaState.CREATING: "on a node: image, volumes, init containers",
    ReplicaState.LOADING: "the process runs and loads its model, within its budget",
    ReplicaState.READY: "serves",
    ReplicaState.NOT_READY: "should serve by now and does not",
    ReplicaState.CRASH_LOOPING: "ends again and again",
    ReplicaState.TERMINATING: "on its way out",
    ReplicaState.FAILED: "ended in failure, is not started again",
    ReplicaState.COMPLETED: "ended as meant",
}
_COMMANDS = (
    (":ns NAME", "look at one namespace (:ns alone: all)"),
    (":ctx NAME", "go to another context"),
    (":sort COLUMN", "sort the replicas"),
    (":q", "quit"),
)


_RANK = {"app": 1, "table": 2, "log": 2}
"""The screen's own keys come first, then those of the app, then those that move about."""


class HelpScreen(ModalScreen[None]):
    """A box of keys over the screen it explains."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, bindings: Iterable[ActiveBinding], displays: dict[str, str]) -> None:
        super().__init__(id="help")
        own = sorted((item for item in bindings if item.binding.id), key=lambda item: _RANK.get(_area(item), 0))
        self._keys = [(displays[item.binding.key], item.tooltip or item.binding.description) for item in own]

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield Lines(widget_id="keys")

    def on_mount(self) -> None:
        titled(self.query_one("#box"), "Help", hint="esc closes · ↑↓ scrolls")
        self.query_one(Lines).show(self._lines())
        self.query_one(Lines).focus()

    def _lines(self) -> list[Line]:
        lines = [_title("Keys")]
        lines += [line(Span(f"  {key:<14}", Tone.ACCENT), Span(text)) for key, text in _merged(self._keys)]
        lines += [(), _title("Commands")]
        lines += [line(Span(f"  {command:<14}", Tone.ACCENT), Span(text)) for command, text in _COMMANDS]
        lines += [(), _title("States")]
        for state, meaning in _STATES.items():
            look = state_span(state)
            lines.append(line(Span(f"  {look.text:<18}", look.tone), Span(meaning)))
        lines += [(), _title("Columns")]
        lines += [
            line(Span(f"  {column.title:<14}", Tone.ACCENT), Span(column.about)) for column in ALL_REPLICA_COLUMNS
        ]
        return lines


def _area(item: ActiveBinding) -> str:
    return (item.binding.id or "").partition(".")[0]


def _title(text: str) -> Line:
    return (Span(text, Tone.STRONG),)


def _merged(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keys that do the same in one row, in the order of the bindings."""
    merged: dict[str, list[str]] = {}
    for key, text in keys:
        if text and key not in merged.setdefault(text, []):
            merged[text].append(key)
    return [(" ".join(found), text) for text, found in merged.items()]
