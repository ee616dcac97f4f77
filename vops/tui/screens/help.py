"""Help: every key of the screen it was asked from, taken from the bindings themselves, and what the columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Container

from vops.diagnosis.states import ReplicaState
from vops.render.cells import Column
from vops.render.states import state_span
from vops.render.text import Line, Span, Tone, line
from vops.tui.commands import VERBS
from vops.tui.registry import SCREENS, About
from vops.tui.screens.base import titled
from vops.tui.screens.dialog import Dialog
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
_FILTERS = (
    ("TEXT", "a regular expression over what the row says"),
    ("!TEXT", "rows that do not match"),
    ("-l app=llama,tier!=dev", "a label selector"),
    ("-f TEXT", "fuzzy: these letters in this order"),
)
_TAKES = {About.NOTHING: "", About.REPLICA: "POD", About.WORKLOAD: "NAME", About.ANY: "NAME"}
_RANK = {"list": 1, "command": 2, "app": 2, "table": 3, "log": 3}
"""The screen's own keys come first, then those of the app, then those that move about."""


class HelpScreen(Dialog[None]):
    """A box of keys over the screen it explains."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", id="help.close"),
    ]

    def __init__(
        self, bindings: Iterable[ActiveBinding], displays: dict[str, str], columns: Sequence[Column[Any]] = ()
    ) -> None:
        super().__init__(id="help")
        own = sorted((item for item in bindings if item.binding.id), key=lambda item: _RANK.get(_area(item), 0))
        self._keys = [
            Key(displays[item.binding.key], item.tooltip or item.binding.description, item.binding.id or "")
            for item in own
        ]
        self._columns = columns

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield Lines(widget_id="keys")

    def on_mount(self) -> None:
        titled(self.query_one("#box"), "Help", hint="esc closes · ↑↓ scrolls")
        self.query_one(Lines).show(self._lines())
        self.query_one(Lines).focus()

    def _lines(self) -> list[Line]:
        lines = [
            line(Span("Keys", Tone.STRONG), Span("  the name behind a key is for tui.keymap in the settings", Tone.DIM))
        ]
        lines += [_key_line(key) for key in _merged(self._keys)]
        lines += [(), _title("After :")]
        lines += [_command_line(entry.name, _TAKES[entry.about], entry.shows) for entry in SCREENS]
        lines += [_command_line(verb.name, verb.takes, verb.does) for verb in VERBS]
        lines += [(), _title("After /")]
        lines += [line(Span(f"  {typed:<22}", Tone.ACCENT), Span(text)) for typed, text in _FILTERS]
        lines += [(), _title("States")]
        for state, meaning in _STATES.items():
            look = state_span(state)
            lines.append(line(Span(f"  {look.text:<18}", look.tone), Span(meaning)))
        if self._columns:
            lines += [(), _title("Columns")]
        lines += [
            line(Span(f"  {column.title:<12}", Tone.ACCENT), Span(f"{column.key:<12}", Tone.DIM), Span(column.about))
            for column in self._columns
        ]
        return lines


def _area(item: ActiveBinding) -> str:
    return (item.binding.id or "").partition(".")[0]


def _title(text: str) -> Line:
    return (Span(text, Tone.STRONG),)


class Key(NamedTuple):
    """A key as help shows it: how it is written, what it does, the name that a keymap knows it by."""

    shown: str
    does: str
    name: str


def _key_line(key: Key) -> Line:
    return line(Span(f"  {key.shown:<11}", Tone.ACCENT), Span(f"{key.does:<31} "), Span(key.name, Tone.DIM))


def _command_line(name: str, takes: str, text: str) -> Line:
    return line(Span(f"  {name + ' ' + takes:<18}", Tone.ACCENT), Span(text))


def _merged(keys: Iterable[Key]) -> list[Key]:
    """Keys that do the same in one row, in the order of the bindings."""
    merged: dict[str, list[Key]] = {}
    for key in keys:
        if key.does and all(other.shown != key.shown for other in merged.setdefault(key.does, [])):
            merged[key.does].append(key)
    return [
        Key(_keys([key.shown for key in found]), does, found[0].name if len(found) == 1 else _family(found[0].name))
        for does, found in merged.items()
    ]


def _keys(shown: Sequence[str]) -> str:
    """Keys in one word each; a run of digits by its ends."""
    digits = len(shown) > 2 and all(key.isdigit() for key in shown)
    return f"{shown[0]} … {shown[-1]}" if digits else " ".join(shown)


def _family(name: str) -> str:
    """The name of several keys: `list.favourite_1` and its like are `list.favourite_…`."""
    stem, under, last = name.rpartition("_")
    return f"{stem}_…" if under and last.isdigit() else name
