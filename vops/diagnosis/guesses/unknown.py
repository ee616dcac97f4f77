"""What is said when no rule recognises a failure: the innermost exception and the last stage, and never a guess."""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Finding, Severity
from vops.diagnosis.starting.containers import called
from vops.diagnosis.starting.creation import HARMLESS, gist, persists, refusal, stuck_at
from vops.diagnosis.states import ReplicaState
from vops.model.resources import Event
from vops.model.snapshot import Source
from vops.model.text import one_line

_SPEAKS = (
    ReplicaState.PENDING,
    ReplicaState.CREATING,
    ReplicaState.CRASH_LOOPING,
    ReplicaState.FAILED,
    ReplicaState.NOT_READY,
    ReplicaState.LOADING,
)
_WARNINGS_SHOWN = 3
_LONGEST = 200
_SAID = 120


def unknown(replica: Replica) -> Finding | None:
    """A finding without a cause for a replica that is in trouble; None for one that is not."""
    said = _says(replica) if replica.state in _SPEAKS else None
    if said is None:
        return None
    summary, found = said
    return Finding(
        rule="unknown",
        cause="unknown",
        severity=Severity.WARNING if replica.state is ReplicaState.LOADING else Severity.ERROR,
        confidence=Confidence.POSSIBLE,
        subject=replica.ref,
        summary=f"{summary} ({name})" if (name := called(replica)) else summary,
        evidence=(*found, *_warnings(replica)),
    )


def _says(replica: Replica) -> tuple[str, tuple[Evidence, ...]] | None:
    match replica.state:
        case ReplicaState.PENDING:
            return _unplaced(replica)
        case ReplicaState.CREATING if replica.last_death is None:
            return _stuck(replica)
        case ReplicaState.NOT_READY if replica.status is not None and replica.status.ready:
            return None
        case ReplicaState.NOT_READY if replica.last_death is None:
            return f"{replica.name} runs and is not Ready, for a reason that no rule knows", ()
        case _:
            return _died(replica)


def _unplaced(replica: Replica) -> tuple[str, tuple[Evidence, ...]] | None:
    found = evidence.scheduler(replica)
    if not found or replica.settles:
        return None
    return f"{replica.name} cannot be scheduled, for a reason that no rule knows", found


def _stuck(replica: Replica) -> tuple[str, tuple[Evidence, ...]] | None:
    waiting = replica.status.state.waiting if replica.status else None
    if waiting is None or waiting.reason in ("", "ContainerCreating", "PodInitializing"):
        return (f"{replica.name} cannot be created", ()) if _complaints(replica) else None
    found = evidence.status_field(replica, "state.waiting", f"{waiting.reason}: {waiting.message}")
    words = f": {one_line(gist(waiting.message), _LONGEST)}" if waiting.message else ""
    return f"{replica.name} cannot be created: {waiting.reason}{words}", (found,)


def _complaints(replica: Replica) -> bool:
    """Whether the last that was said of the pod is a warning, and more than a hiccup."""
    warnings = {item.reason for item in _of_creation(replica)}
    last = stuck_at(replica, warnings)
    return last is not None and persists(replica, last)


def _died(replica: Replica) -> tuple[str, tuple[Evidence, ...]] | None:
    death, log = replica.last_death, replica.death_log
    if death is None and replica.state is ReplicaState.LOADING:
        return None
    ended = evidence.exit_status(replica)
    refused = refusal(replica)
    if refused is not None:
        return f"{replica.name} cannot be started: {one_line(gist(refused.text), _LONGEST)}", (refused.shown,)
    if log is not None and log.ready and log.terminated:
        return f"{replica.name} was asked to stop while it served, by something that no rule knows", ended
    if log is None:
        how = f" with exit code {death.exit_code}" if death else ""
        logs = replica.facts.snapshot.source(Source.LOGS)
        unread = logs.usable and logs.detail
        return f"{replica.name} ended{how}, and its log {'was not read' if unread else 'is not there'}", ended
    error = log.root or log.wrapper
    if error is None:
        return f"{replica.name} ended during {log.stage}, with no error in its log", ended
    said = one_line(evidence.as_logged(error), _SAID)
    return f"{replica.name} ended during {log.stage}: {said}", (evidence.logged(replica, error), *ended)


def _warnings(replica: Replica) -> tuple[Evidence, ...]:
    """The latest warnings about what keeps it from starting."""
    return tuple(evidence.event(item) for item in _of_creation(replica)[-_WARNINGS_SHOWN:])


def _of_creation(replica: Replica) -> list[Event]:
    """Warnings about the pod, without the scheduler's once it has a node."""
    placed = bool(replica.pod.spec.node_name)
    warnings = (item for item in replica.events if item.type == "Warning" and item.reason not in HARMLESS)
    return [item for item in warnings if not (item.reason == "FailedScheduling" and placed)]
