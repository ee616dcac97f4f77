"""No scheduler has looked at the pod.

What it finds
    The PodScheduled condition is absent long after the pod was made.

Why it matters
    A wrong schedulerName fails in silence: no event, no condition.

Evidence
    Pod.spec.schedulerName and the pod's age.

Fix
    By hand: name a scheduler that runs.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule

_PATIENCE_S = 30


@rule(cause="no-scheduler", branch=Branch.SCHEDULE, order=0)
def no_scheduler(replica: Replica) -> Verdict | None:
    spec, created = replica.pod.spec, replica.pod.metadata.creation_timestamp
    if replica.pod.condition("PodScheduled") is not None or spec.scheduling_gates or created is None:
        return None
    age_s = (replica.facts.snapshot.at - created).total_seconds()
    if age_s <= _PATIENCE_S:
        return None
    name = spec.scheduler_name
    return Verdict(
        summary=f"No scheduler has looked at {replica.name} for {age_s:.0f} s; it names {name}",
        evidence=(evidence.pod_field("spec.schedulerName", name, expected="a scheduler that runs"),),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.by_steps(replica, "Name a scheduler that runs", ("Set spec.schedulerName to default-scheduler.",)),
        ),
    )
