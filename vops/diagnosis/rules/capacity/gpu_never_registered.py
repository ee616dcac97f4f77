"""A new node has joined, and its GPU is not there: device plugin or driver are missing on nodes of this pool.

What it finds
    A Karpenter NodeClaim whose node joined more than six minutes ago and does not advertise the GPU that it was made
    for (`ResourceNotRegistered`).

Why it matters
    Karpenter waits for the resource for ever, and pays for the node meanwhile. The pod stays pending.

Evidence
    The NodeClaim's conditions.

Fix
    By hand: install the device plugin, let its DaemonSet tolerate the pool's taints, or use an image with the driver.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.quantities import format_duration


@rule(cause="gpu-not-advertised", branch=Branch.SCHEDULE, explains={"gpu-exhausted"}, order=6)
def gpu_never_registered(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.UNREGISTERED:
        return None
    claim = found.claims[0]
    node = claim.status.node_name or claim.metadata.name
    age = format_duration(capacity.age_s(replica, found) or 0)
    return Verdict(
        summary=f"Node {node}, made for {replica.name}, has been up for {age} and does not advertise {found.detail}",
        evidence=capacity.shown(replica),
        confidence=found.confidence,
        fixes=(_fix(node),),
    )


@rule(cause="gpu-not-advertised", branch=Branch.SCHEDULE, explains={"gpu-exhausted"}, order=7)
def gpu_missed_by_karpenter(replica: Replica) -> Verdict | None:
    """What Karpenter says of a node that it made, where neither node nor NodeClaim was read."""
    told = replica.facts.events_with(*_CHECKS)
    found = next(((item, match) for item in reversed(told) if (match := _MISSED.search(item.message))), None)
    if found is None or replica.placement.fits:
        return None
    event, match = found
    if replica.placement.gpu_resource not in ("", match["resource"]):
        return None
    node = event.involved_object.name or "NODE"
    return Verdict(
        summary=f"Node {node}, which Karpenter made, does not advertise {match['resource']}",
        evidence=(evidence.event(event),),
        confidence=Confidence.STRONG,
        fixes=(_fix(node),),
    )


def _fix(node: str) -> Fix:
    return remedies.advice(
        "Make the node advertise its GPU",
        f"See what runs there: kubectl get pods -A -o wide --field-selector spec.nodeName={node}",
        "The device plugin's DaemonSet has to run on it, and so to tolerate the taints of its NodePool.",
        "Where it runs, its log tells whether the driver is missing: use an image of the node class with one.",
    )


_CHECKS = ("FailedInflightCheck", "FailedConsistencyCheck")
_MISSED = lazy_pattern(
    r"resource \"?(?P<resource>[\w./-]{1,120})\"? (?:didn't register|was requested but not registered)", re.IGNORECASE
)
