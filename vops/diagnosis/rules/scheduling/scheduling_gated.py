"""The pod waits for a scheduling gate to be lifted.

What it finds
    Pod.spec.schedulingGates is not empty, so the scheduler does not look at the pod.

Why it matters
    A queue (Kueue and its like) holds the pod back on purpose, and lifts the gate when quota is there.

Evidence
    The gates by name.

Fix
    None by vops: ask the owner of the gate.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="scheduling-gated", branch=Branch.SCHEDULE, order=0)
def scheduling_gated(replica: Replica) -> Verdict | None:
    gates = ", ".join(gate.name for gate in replica.pod.spec.scheduling_gates)
    if not gates:
        return None
    return Verdict(
        summary=f"{replica.name} is held back by the scheduling gate {gates}",
        evidence=(evidence.pod_field("spec.schedulingGates", gates),),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(remedies.advice("Ask the gate's owner", f"Find what holds {gates}: its queue or quota decides."),),
    )
