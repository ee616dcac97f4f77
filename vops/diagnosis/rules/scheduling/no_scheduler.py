"""No scheduler has looked at the pod.

What it finds
    The PodScheduled condition is absent long after the pod was made, and no scheduler has said a word about it. Of a
    description, which tells no age: that it has neither conditions nor events.

Why it matters
    A wrong schedulerName fails in silence: no event, no condition.

Evidence
    Pod.spec.schedulerName, the pod's age, and the names that other pods were scheduled by.

Fix
    By hand: name a scheduler that runs.
"""

from __future__ import annotations

from datetime import datetime

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_PATIENCE_S = 30
_DEFAULT = "default-scheduler"
_DOWN = "SchedulerDown"
_LOOKED = ("FailedScheduling", "Unschedulable", "FilteringFailed", "Scheduled", "Preempted")


@rule(cause="no-scheduler", branch=Branch.SCHEDULE, order=0)
def no_scheduler(replica: Replica) -> Verdict | None:
    spec, created = replica.pod.spec, replica.pod.metadata.creation_timestamp
    if replica.pod.condition("PodScheduled") is not None or spec.scheduling_gates or not replica.observed:
        return None
    looked = any(event.reason in _LOOKED for event in replica.events)
    down = [event for event in replica.events if event.reason == _DOWN]
    late = _is_old(replica, created) if created is not None else _has_been_described(replica)
    if looked or not (late or down or _names_another(replica)):
        return None
    since = f" for {(replica.facts.snapshot.at - created).total_seconds():.0f} s" if created is not None else ""
    name = spec.scheduler_name
    working = _working(replica)
    known = name in working
    return Verdict(
        summary=f"No scheduler has looked at {replica.name}{since}; it names {name}",
        evidence=(
            *map(evidence.event, down[-1:]),
            evidence.pod_field("spec.schedulerName", name, expected="a scheduler that runs"),
            *(
                (Evidence("pods", "spec.schedulerName of pods with a node", blockers.named(working)),)
                if working
                else ()
            ),
        ),
        confidence=Confidence.PROBABLE if known or name == _DEFAULT else Confidence.STRONG,
        fixes=(remedies.by_steps(replica, "Name a scheduler that runs", _steps(name, working)),),
    )


def _names_another(replica: Replica) -> bool:
    """Whether a pod that was handed in without its events names a scheduler of its own, and has no word of it."""
    facts, pod = replica.facts, replica.pod
    alone = pod.status.phase == "Pending" and not pod.spec.node_name and not facts.snapshot.source(Source.EVENTS).usable
    return alone and not facts.snapshot.server_version and pod.spec.scheduler_name != _DEFAULT


def _is_old(replica: Replica, created: datetime) -> bool:
    return (replica.facts.snapshot.at - created).total_seconds() > _PATIENCE_S


def _has_been_described(replica: Replica) -> bool:
    """Whether all that is known of a pod is that it has neither a condition nor an event, of which kubectl told."""
    facts = replica.facts
    return not replica.pod.status.conditions and facts.snapshot.source(Source.EVENTS).usable and not replica.events


def _working(replica: Replica) -> list[str]:
    """The schedulers that have given pods a node."""
    placed = (pod for pod in replica.facts.snapshot.pods if pod.spec.node_name and pod.condition("PodScheduled"))
    return sorted({pod.spec.scheduler_name for pod in placed})


def _steps(name: str, working: list[str]) -> tuple[str, ...]:
    if name == _DEFAULT:
        return ("See that the scheduler runs: kubectl -n kube-system get pods -l component=kube-scheduler",)
    other = next((item for item in working if item != name), _DEFAULT)
    return (f"Set spec.schedulerName to {other}, or see why {name} does not run.",)
