"""What a run tells while it goes: questions to a person, events, and the record of each step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum

import msgspec

from vops.model.objects import Ref
from vops.planning.patches import Document
from vops.planning.plan import Gate


class StepState(StrEnum):
    """planned → running → done | skipped | waiting | failed, and a done change may become undone.

    `unknown` is settled later; `waiting` is what a person has to do or to decide, when nobody was there.
    """

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    WAITING = "waiting"
    FAILED = "failed"
    UNDONE = "undone"
    UNKNOWN = "unknown"


class RunEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a run's story. `step` is empty for what concerns the whole run; `outputs` are what it measured."""

    at: datetime
    step: str
    state: StepState
    message: str = ""
    outputs: Document = msgspec.field(default_factory=dict)


class StepRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one step went, and what it measured."""

    id: str
    kind: str
    title: str
    state: StepState
    message: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outputs: Document = msgspec.field(default_factory=dict)


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person has to agree to, or to do: `gate` says which (only `confirm` may be answered by `--yes`).

    `wants` says what an answer has to be, in the keys of a runbook's parameter, where a value is asked for.
    """

    gate: Gate
    title: str
    text: str = ""
    target: Ref | None = None
    step: str = ""
    wants: Document = msgspec.field(default_factory=dict)


Approve = Callable[[Question], Awaitable[bool]]
"""Asks a person; True: agreed, or done."""

Progress = Callable[[RunEvent], None]
