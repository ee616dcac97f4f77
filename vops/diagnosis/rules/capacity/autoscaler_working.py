"""A node is on its way: not a fault.

What it finds
    The autoscaler has asked for a node for this pod a short while ago and nothing has gone wrong since: a
    `TriggeredScaleUp`, a node group that is being enlarged, or a NodeClaim that is starting.

Why it matters
    A GPU node takes about six minutes, at most fifteen. Until then the pod is pending as it should be, and whatever
    the nodes that are there lack is no fault.

Evidence
    The event, the group's sizes, or the NodeClaim's conditions.

Fix
    None: wait.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Severity
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.outcomes import LONGEST, TYPICAL_S, Outcome
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.quantities import format_duration


@rule(
    cause="autoscaler-working",
    branch=Branch.SCHEDULE,
    explains=capacity.ANY_NODE | {"rollout-deadlock", "autoscaler-absent"},
    order=1,
)
def autoscaler_working(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.WORKING:
        return None
    spent_s = capacity.age_s(replica, found) or 0.0
    left_s = TYPICAL_S - spent_s
    rest = f"about {format_duration(left_s)} to go" if left_s > 0 else "longer than usual"
    stage = f"; it {found.detail}" if found.detail else ""
    return Verdict(
        summary=f"A node for {replica.name} is on its way: {found.by} asked for it {format_duration(spent_s)} ago, "
        f"{rest}{stage}",
        evidence=capacity.shown(replica),
        confidence=found.confidence,
        severity=Severity.INFO,
        fixes=(
            remedies.advice(
                "Wait for the node",
                f"Nothing is wrong. If it has not come {format_duration(LONGEST.total_seconds())} after it was asked "
                "for, look again.",
            ),
        ),
    )
