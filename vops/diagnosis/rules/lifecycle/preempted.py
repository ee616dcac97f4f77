"""A pod of higher priority took the place of this one.

What it finds
    The condition DisruptionTarget with the reason PreemptionByScheduler (or PreemptionByKubeScheduler), the kubelet's
    `Preempting`, or `Preempted` events about pods of the same owner of which one waits for a node now.

Why it matters
    The scheduler did as it was told: priorities decide. Its successor waits until GPUs are free again.

Evidence
    The condition or event, and who took the place, as far as that pod is still there.

Fix
    By hand: a priority class for serving, or room for both.
"""

from __future__ import annotations

from datetime import timedelta

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import endings
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix
from vops.diagnosis.placement import blockers
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.pods import Pod
from vops.model.resources import Event

_BY_SCHEDULER = ("PreemptionByScheduler", "PreemptionByKubeScheduler")
_BY = lazy_pattern(r"[Pp]reempted (?:by|in order to admit) (?:a )?(?:critical )?(?:pod )?(?P<who>[\w./-]{1,317})?")
_LATELY = timedelta(hours=1)


@rule(cause="preempted", branch=Branch.GONE, explains={"host-oom", "engine-dead"}, order=5)
def preempted(replica: Replica) -> Verdict | None:
    condition = endings.disruption(replica)
    told = next((item for item in reversed(replica.events) if item.reason in ("Preempted", "Preempting")), None)
    by_scheduler = condition is not None and condition.reason in _BY_SCHEDULER
    by_kubelet = replica.pod.status.reason == "Preempting"
    if not by_scheduler and not by_kubelet:
        return None
    words = " ".join(item.message for item in (told, condition) if item is not None)
    return Verdict(
        summary=f"{replica.name} had to make room for {_who(replica, words)}",
        evidence=(
            *(
                (evidence.pod_field("status.conditions[DisruptionTarget]", f"{condition.reason}: {condition.message}"),)
                if condition is not None
                else (evidence.pod_field("status", f"{replica.pod.status.reason}: {replica.pod.status.message}"),)
            ),
            *((evidence.event(told),) if told is not None else ()),
            evidence.pod_field("spec.priority", replica.pod.spec.priority),
        ),
        confidence=Confidence.CERTAIN,
        severity=endings.severity(replica),
        fixes=(_fix(replica),),
    )


@rule(cause="preempted", branch=Branch.SCHEDULE, explains={"gpu-exhausted"}, order=9)
def preempted_before(replica: Replica) -> Verdict | None:
    """A pod that waits for a node, whose predecessor was preempted."""
    event = _of_predecessor(replica)
    if event is None:
        return None
    gone = event.involved_object.name
    return Verdict(
        summary=f"{replica.name} waits because {gone} had to make room for {_who(replica, event.message)}",
        evidence=(
            evidence.event(event),
            evidence.pod_field("spec.priority", replica.pod.spec.priority),
            *blockers.scheduled_by(replica),
        ),
        confidence=Confidence.STRONG,
        fixes=(_fix(replica),),
    )


def _of_predecessor(replica: Replica) -> Event | None:
    """The preemption, within the last hour, of a pod of the same controller that is there no more."""
    snapshot, controller = replica.facts.snapshot, replica.pod.metadata.controller
    if controller is None:
        return None
    for event in reversed(replica.facts.events_with("Preempted")):
        about = event.involved_object
        ours = about.namespace == replica.namespace and about.name.startswith(controller.name + "-")
        gone = (about.namespace, about.name) not in replica.facts.pods
        if ours and gone and snapshot.at - (event.last_seen or snapshot.at) <= _LATELY:
            return event
    return None


def _who(replica: Replica, words: str) -> str:
    """The pod that took the place, by name and priority where it can be found."""
    match = _BY.search(words)
    named = match["who"] if match and match["who"] else ""
    pod = next((item for item in replica.facts.snapshot.pods if _is(item, named)), None)
    return blockers.pod_in_words(pod) if pod is not None else "a pod of higher priority"


def _is(pod: Pod, named: str) -> bool:
    meta = pod.metadata
    return bool(named) and named in (meta.uid, meta.name, f"{meta.namespace}/{meta.name}")


def _fix(replica: Replica) -> Fix:
    now = replica.pod.spec.priority
    return remedies.by_steps(
        replica,
        "Decide which of the two matters more",
        (
            f"If this one does: give it a priorityClassName with a value above the other's (its own is {now}).",
            "If both do: add GPUs; nothing else keeps both running.",
        ),
    )
