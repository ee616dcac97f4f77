"""Findings: what a rule says, why it may be believed, and what would fix it.

The shapes here are the `vops.report/v1` JSON of `vops diagnose -o json`; users script against it.
"""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import field

from vops.model.objects import Ref


class Severity(StrEnum):
    """How bad it is, the mildest first; `--fail-on` says from which on a command fails."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        return _ORDER[self]


_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


class Confidence(StrEnum):
    """certain: object state alone proves it · strong: two independent signals · probable: one · possible: a hint."""

    CERTAIN = "certain"
    STRONG = "strong"
    PROBABLE = "probable"
    POSSIBLE = "possible"


class Applicability(StrEnum):
    """safe: apply after one confirmation · ask: costs something or needs a value · manual: vops only says how."""

    SAFE = "safe"
    ASK = "ask"
    MANUAL = "manual"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was read: `source` (pod, node, event, log, metrics…), `where` in it, and what it said."""

    source: str
    where: str
    observed: str
    expected: str = ""


class Fix(msgspec.Struct, frozen=True, omit_defaults=True):
    """A runbook with its parameters filled in. There is no second engine: a fix is a runbook run.

    A MANUAL fix has no runbook; `title` and `steps` say exactly what to do and where. `patch` is the JSON Patch that
    the runbook would write first, where somebody has planned it.
    """

    title: str
    applicability: Applicability
    runbook: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    patch: tuple[dict[str, Any], ...] = ()

    @property
    def command(self) -> str:
        """The command line that runs it; empty for a manual fix."""
        if not self.runbook:
            return ""
        words = [f"-p {shlex.quote(f'{name}={_as_word(value)}')}" for name, value in self.params.items()]
        return " ".join(["vops run", self.runbook, *words])


def _as_word(value: Any) -> str:
    """A parameter as it is typed on a command line: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


GUESS = "may-be"
"""The rule of findings that only say what an unrecognised failure may be."""

LIKENED = "sounds-like"
"""The rule of findings that only say what the words of a text go with."""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One cause on one subject. `because` names the rules of the findings that this one follows from."""

    rule: str
    cause: str
    severity: Severity
    confidence: Confidence
    subject: Ref
    summary: str
    evidence: tuple[Evidence, ...] = ()
    because: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()

    @property
    def guessed(self) -> bool:
        """Whether no rule found it: it is what an unrecognised failure may be."""
        return self.rule == GUESS


class Skipped(msgspec.Struct, frozen=True):
    """A rule that could not be asked, because what it needs was not there."""

    rule: str
    needs: str
    why: str


class Pace(StrEnum):
    """Whether a server answers as fast as people expect."""

    SLOW = "slow"
    NOT_SLOW = "not slow"
    UNKNOWN = "not known"


class Part(StrEnum):
    """What a request's time is spent on."""

    QUEUE = "queue"
    PREFILL = "prefill"
    PREEMPTION = "preemption"
    CACHE_MISSES = "cache misses"
    DECODE = "decode"
    STANDSTILL = "standstill"


class Slowness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether and why a server is slow: a sentence, the mean times of the window in seconds, and what helps.

    A time that is None is not known. `queue_s` is what the queue takes of the first token now.
    """

    pace: Pace
    summary: str
    part: Part | None = None
    ttft_s: float | None = None
    queue_s: float | None = None
    prefill_s: float | None = None
    itl_s: float | None = None
    hit_rate: float | None = None
    preemptions_per_s: float | None = None
    window_s: float | None = None
    fix: Fix | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The flag or scale step that helps, in words."""
        return (self.fix.steps or (self.fix.title,)) if self.fix is not None else ()


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one subject: findings ranked, the root cause first. `slowness` is of replicas that serve."""

    at: str
    context: str
    subject: Ref
    state: str
    summary: str
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    slowness: Slowness | None = None
    schema: str = "vops.report/v1"
