"""An endpoint picker turns requests away, since every server of its pool is full.

What it finds
    The 429 of the Gateway API's inference extension (`system saturated, sheddable request dropped`), where its words
    are all that was handed in.

Why it matters
    Clients of low priority get nothing at all while the pool is full.

Evidence
    The picker's words.

Fix
    By hand: more replicas, room for more requests at once, or a priority that is not shed.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(cause="queue-saturated", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=48)
def requests_shed(replica: Replica) -> Verdict | None:
    told = () if replica.observed else replica.facts.events_with("RequestsShed")
    if not told:
        return None
    return Verdict(
        summary="The endpoint picker drops requests: every server of its pool is saturated",
        evidence=(evidence.event(told[-1]),),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "Give the pool room, or the requests a priority",
                "Add replicas, or let each take more: --max-num-seqs, and a larger KV cache.",
                "Requests that must not be shed: an InferenceObjective with a priority of 0 or more (before 1.0: an "
                "InferenceModel with criticality Critical).",
                "The thresholds are the picker's own (queue depth, KV cache usage): see its configuration.",
            ),
        ),
    )
