"""What a run stands on, and how it went: between the engine (vops.runbooks.runner) and whoever starts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from vops.errors import VopsError
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.planning.events import Approve, Progress, Question, StepRecord
from vops.ports import Clock, Cluster
from vops.runbooks.kinds import Verdict


@dataclass(frozen=True)
class Host:
    """What a run stands on. `cluster` journals its writes; `still_mine` raises LockHeld once the lock is lost;
    `keep` stores what was seen of a target when a step failed."""

    cluster: Cluster
    clock: Clock
    observe: Callable[[Ref], Awaitable[ClusterSnapshot]]
    approve: Approve
    progress: Progress
    still_mine: Callable[[], None]
    keep: Callable[[str, ClusterSnapshot], None]
    timeout_s: float | None = None
    checkpoint: Callable[[], Awaitable[None]] | None = None
    """Called before each change and after each step, to bring what others read of the run up to date."""
    notify: Callable[[str, str, str], Awaitable[None]] | None = None
    """Tells a channel a text, under a key that is the same when it is told again; None where nobody is told."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Answers that were given before, by step."""
    answer: Callable[[Question], Awaitable[str]] | None = None
    """Asks a person for a value; None where nobody is there."""


@dataclass
class Outcome:
    """How a run went: every step, the verification if there was one, and why it ended early if it did."""

    steps: list[StepRecord] = field(default_factory=list)
    verdict: Verdict | None = None
    error: VopsError | None = None
