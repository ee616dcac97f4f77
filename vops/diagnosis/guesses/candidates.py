"""A failure that no rule recognises, and what it may be.

What it finds
    At most two further causes for a server that fails, where the diagnosis ends in `unknown`, or in nothing but
    findings that are only possible. They are derived from what is known: the last stage, the exit code or signal, the
    words that are left, and facts of the pod. Never of a server that is ready, loads or waits for a node that comes.

Why it matters
    At 3 a.m. a short list of where to look is worth more than a bare `unknown`.

Evidence
    The first of the finding before it. Each is a guess and says so: severity info, confidence possible, after
    `unknown`. It changes no exit code.

Fix
    By hand only: first the command that confirms or refutes it, then what is done where it is confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import GUESS, Confidence, Finding, Fix, Severity
from vops.diagnosis.guesses.confirming import to_confirm
from vops.diagnosis.guesses.suspect import Suspect, Trouble
from vops.diagnosis.guesses.suspect_tests import TESTS
from vops.diagnosis.guesses.suspects import SUSPECTS
from vops.diagnosis.logs.components import Component
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.starting.containers import Role, role
from vops.diagnosis.starting.creation import refusal
from vops.diagnosis.states import ReplicaState
from vops.model.patterns import lazy_pattern

MOST = 2
_FAILING = (
    ReplicaState.PENDING,
    ReplicaState.CREATING,
    ReplicaState.CRASH_LOOPING,
    ReplicaState.FAILED,
    ReplicaState.NOT_READY,
)
_DOWNLOADS = (Component.DOWNLOAD, Component.STORAGE_INITIALIZER)
_CONTROL_PLANE = lazy_pattern(
    r"\d{1,6} node\(s\) had (?:untolerated )?taint \{node-role[^}]{0,120}\}(?:, that [^,.]{1,40})?"
)
"""No server is meant for these nodes, so that their taints are no hint."""

_SOME_CALLS = 3
_OF_SIGNALS = 128


class Failure(msgspec.Struct, frozen=True):
    """What is known of a failure. `code` and `stage` are None where nobody has seen them."""

    trouble: Trouble
    words: str = ""
    stage: Stage | None = None
    code: int | None = None


def candidates(replica: Replica, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """What else it may be, the likelier first, where what was `found` is no more than possible."""
    failure = _failure(replica) if _is_open(replica, found) else None
    if failure is None:
        return ()
    named = {item.cause for item in found}
    likely: dict[str, Suspect] = {}
    for item in SUSPECTS:
        if item.cause not in named and fits(item, failure, replica):
            likely.setdefault(item.cause, item)
    return tuple(_guess(replica, item, found[0]) for item in [*likely.values()][:MOST])


def fits(item: Suspect, failure: Failure, replica: Replica) -> bool:
    """Whether all that a suspect asks for holds."""
    return (
        item.trouble is failure.trouble
        and _then(item, failure)
        and (not item.codes or failure.code in item.codes)
        and (item.words is None or item.words.search(failure.words) is not None)
        and (item.fact is None or item.fact(replica))
    )


def _then(item: Suspect, failure: Failure) -> bool:
    """Whether the stage is right. Words and an exit code are enough where none is known; only they tell of a signal."""
    telling = item.words is not None or bool(item.codes)
    if not telling and failure.code is not None and failure.code > _OF_SIGNALS:
        return False
    return not item.stages or failure.stage in item.stages or (failure.stage is None and telling)


def _is_open(replica: Replica, found: Sequence[Finding]) -> bool:
    """Whether a server really fails and nothing better than a hint is known about it."""
    if not found or replica.state not in _FAILING:
        return False
    return found[0].severity is Severity.ERROR and all(item.confidence is Confidence.POSSIBLE for item in found)


def _failure(replica: Replica) -> Failure | None:
    """What is known; None where it is of another program than vLLM or what fetches its model."""
    match replica.state:
        case ReplicaState.PENDING:
            said = replica.placement.scheduler
            return Failure(Trouble.UNPLACED, _CONTROL_PLANE.sub("", said.text) if said is not None else "")
        case ReplicaState.CREATING if replica.last_death is None:
            return Failure(Trouble.UNCREATED, " ".join(_complaints(replica)))
        case _ if (refused := refusal(replica)) is not None:
            return Failure(Trouble.UNCREATED, refused.text)
    log = replica.death_log if replica.last_death is not None else replica.log
    fetches = log is not None and log.component in _DOWNLOADS
    if not fetches and (role(replica) is not Role.SERVER or (log is not None and log.component is not Component.VLLM)):
        return None
    stage = Stage.DOWNLOAD if fetches else _stage(log)
    trouble = Trouble.SILENT if replica.last_death is None else Trouble.DIED
    return Failure(trouble, _words(log), stage, _code(replica))


def _complaints(replica: Replica) -> Iterator[str]:
    waiting = replica.status.state.waiting if replica.status else None
    if waiting is not None:
        yield f"{waiting.reason} {waiting.message}"
    yield from (f"{item.reason} {item.message}" for item in replica.events if item.type == "Warning")


def _stage(log: LogReading | None) -> Stage | None:
    """The last stage; None where the log is not vLLM's from its beginning, or ends before what it tells of."""
    if log is None or (log.stage is Stage.BOOT and not log.version):
        return None
    return None if log.wrapper is not None and log.stage.rank < Stage.ENGINE.rank else log.stage


def _words(log: LogReading | None) -> str:
    """The failure and the calls it came out of, and what was complained of last; else that the engine failed."""
    if log is None:
        return ""
    left = [*map(str, log.last_words)]
    if log.root is not None:
        left = [log.root.type, log.root.message, *log.root.frames[-_SOME_CALLS:], *left]
    return " ".join(left or [str(log.wrapper or "")])


def _code(replica: Replica) -> int | None:
    death = replica.last_death
    if death is None or not replica.observed:
        return None
    return _OF_SIGNALS + death.signal if death.signal else death.exit_code


def _guess(replica: Replica, item: Suspect, before: Finding) -> Finding:
    return Finding(
        rule=GUESS,
        cause=item.cause,
        severity=Severity.INFO,
        confidence=Confidence.POSSIBLE,
        subject=replica.ref,
        summary=f"{replica.name}: it may be this, since {item.because}",
        evidence=before.evidence[:1],
        fixes=(_advice(replica, item.cause),),
    )


def _advice(replica: Replica, cause: str) -> Fix:
    seen = replica.observed
    names = {
        "ns": remedies.namespace(replica) if seen else "NAMESPACE",
        "pod": replica.name if seen else "POD",
        "node": (replica.pod.spec.node_name if seen else "") or "NODE",
        "c": replica.container.name,
        "previous": " --previous" if replica.last_death is not None else "",
    }
    return to_confirm(TESTS[cause], names)
