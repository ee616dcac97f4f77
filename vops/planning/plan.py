"""A Plan: everything that a runbook will do, decided before anything is done.

Made from one snapshot, shown to a person or written to a file, then applied once. It holds no secret, names the
incarnation of everything it touches, and says which conditions have to hold, so that applying it later either does
exactly what was shown or stops.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import field

from vops.errors import InputError
from vops.model.objects import Ref
from vops.model.text import scrub_json
from vops.planning.changes import Change
from vops.planning.guards import Guard
from vops.planning.ownership import Owner
from vops.planning.patches import Document

_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
LIFETIME = timedelta(hours=1)
UNDO_FOR = timedelta(days=1)
"""How long a run that ended well can be taken back from any machine, from when it was planned."""


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Gate(StrEnum):
    """What a person has to do before a step: nothing, say yes, type the target's name, or do the thing oneself."""

    NONE = "none"
    CONFIRM = "confirm"
    TYPE_NAME = "type-name"
    INSTRUCT = "instruct"


class OnFail(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"
    UNDO = "undo"
    ASK = "ask"


class Decision(StrEnum):
    """What planning decided about a step."""

    DO = "do"  # to be done when the plan is applied
    SEEN = "seen"  # a look: evaluated already
    SKIPPED = "skipped"  # its condition does not hold
    DONE = "done"  # things are as wished already


class PlannedStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step with its arguments evaluated.

    `says` are sentences for whoever reads the plan; `because` why it is skipped or done; `outputs` what a look found.
    `condition` is what decides on it only when its turn comes, since it speaks of what is measured then; `late` says
    the same of its `args`, which are as the runbook has them. `item` is that of its loop. A step of `rescue` is done
    when one of its block has failed, one of `always` at the end whatever happened. One that `follows` watches what may
    be under way already, so it is worth doing in a plan that changes nothing. Steps of the same `parallel` go on at the
    same time.
    """

    id: str
    kind: str
    title: str
    decision: Decision
    why: str = ""
    docs: str = ""
    because: str = ""
    says: tuple[str, ...] = ()
    args: Document = field(default_factory=dict)
    outputs: Document = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    gate: Gate = Gate.NONE
    on_fail: OnFail = OnFail.STOP
    undo: bool = True
    timeout_s: float | None = None
    retries: int = 0
    retry_delay_s: float = 5.0
    retry_factor: float = 1.0
    retry_cap_s: float = 300.0
    retry_causes: tuple[str, ...] = ("unavailable",)
    evidence: bool = False
    condition: str = ""
    late: bool = False
    item: Any = None
    block: str = ""
    section: Literal["steps", "rescue", "always"] = "steps"
    parallel: str = ""
    follows: bool = False


class Impact(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a plan does to those who use one workload: which of its servers go, and what that costs.

    `gone` of `ready` servers that serve now go, `at_once` of them at a time, and `left` go on serving. `in_flight` are
    the requests on those that go, None where none was scraped, `unscraped` how many of them were not. `budget` is the
    PodDisruptionBudget that holds them, and `allowed` what it allows now, None where budgets were not read or there is
    none; `asked` whether these changes ask it. `load_s` is how long one takes to load again, and `load_basis` why.
    """

    target: Ref
    pods: tuple[str, ...]
    ready: int
    gone: int
    at_once: int
    left: int
    in_flight: int | None = None
    unscraped: int = 0
    budget: str = ""
    allowed: int | None = None
    asked: bool = False
    budgets_read: bool = False
    load_s: float | None = None
    load_basis: str = ""
    comes_back: bool = True


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which cluster: the context's name, the server's version, and the uid of its `kube-system` namespace."""

    context: str
    server_version: str = ""
    uid: str = ""


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a runbook comes to on one cluster at one time. `id` may be applied once, and not after `expires_at`.

    `digest` is that of the runbook's file, so that a changed runbook is noticed. `unverified` says which changes the
    API server could not be asked about by a dry run, and why. `impacts` are as they were when it was planned,
    None where nobody has looked.
    """

    id: str
    runbook: str
    digest: str
    title: str
    risk: Risk
    cluster: Identity
    created_at: datetime
    expires_at: datetime
    params: Document = field(default_factory=dict)
    locks: tuple[Ref, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    guards: tuple[Guard, ...] = ()
    owners: tuple[Owner, ...] = ()
    unverified: tuple[str, ...] = ()
    impacts: tuple[Impact, ...] | None = None
    schema: Literal["vops.plan/v1"] = "vops.plan/v1"

    @property
    def run_id(self) -> str:
        """The id of the one run that carries it out: when it was planned, and the beginning of its own id."""
        return run_id(self.created_at, self.id)

    @property
    def undo_until(self) -> datetime:
        """Until when any machine may take its run back."""
        return self.created_at + UNDO_FOR

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every write, in order."""
        return tuple(change for step in self.steps for change in step.changes)

    @property
    def instructions(self) -> tuple[PlannedStep, ...]:
        """The steps that only a person can do."""
        return tuple(step for step in self.steps if step.gate is Gate.INSTRUCT and step.decision is Decision.DO)

    @property
    def nothing_to_do(self) -> bool:
        """Everything is as wished already, and nothing is under way that a step would follow."""
        follows = any(step.follows and step.decision is Decision.DO for step in self.steps)
        return not self.changes and not self.instructions and not follows

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before saying yes: consequences, outages, what was decided and why."""
        return tuple(text for step in self.steps for text in step.says if step.gate is not Gate.INSTRUCT)

    @property
    def blocked(self) -> tuple[Guard, ...]:
        """The guards that do not hold: while there is one, the plan can be read but not applied."""
        return tuple(guard for guard in self.guards if not guard.holds)

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def run_id(created_at: datetime, plan_id: str) -> str:
    """`20260302-090000-c0ffee`: the ids of runs sort by time."""
    return f"{created_at:%Y%m%d-%H%M%S}-{plan_id[:6]}"


def plan_from_json(data: bytes, *, path: str = "plan") -> Plan:
    """The inverse of `Plan.to_json`, its texts scrubbed. Raises InputError naming `path`."""
    try:
        plan = msgspec.json.decode(scrub_json(data), type=Plan)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is not a plan of vops: {error}", path=path) from error
    if not _ID.fullmatch(plan.id):
        raise InputError(f"this is not a plan of vops: {plan.id!r} is no id", path=path)
    return plan


def digest(value: Any) -> str:
    """A short fingerprint of text, bytes or JSON data."""
    data = value.encode() if isinstance(value, str) else value
    if not isinstance(data, bytes):
        data = msgspec.json.encode(data, order="sorted")
    return hashlib.sha256(data).hexdigest()[:16]
