"""The cloud is out of the machines that were asked for.

What it finds
    The autoscaler asked for a node that would take the pod, and the cloud had none: `GCE out of resources`,
    `ZONE_RESOURCE_POOL_EXHAUSTED`, `InsufficientInstanceCapacity`, `AllocationFailed`, a group in backoff, or a
    Karpenter NodeClaim that was deleted for want of capacity.

Why it matters
    Neither quota nor limits nor the manifest are to blame, and waiting may take days. What helps is to accept more
    zones, machines or ways of buying; a volume or a selector that pins the pod to one zone comes first.

Evidence
    The autoscaler's events about the pod, its groups or its NodeClaims with the cloud's words, the zones that
    answered, and what pins the pod.

Fix
    By hand, since it costs money: loosen the pin, or add zones and machine types to the node pool.
"""

from __future__ import annotations

from vops.diagnosis import capacity, remedies, zones
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix
from vops.diagnosis.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.zones import Pin

_BACKOFF = "the last attempt to add a node failed, and nothing here says why: most often the cloud is out of stock"
_STEPS = {
    "gce": (
        "Add zones to the pool: gcloud container node-pools update POOL --cluster CLUSTER --location LOCATION "
        "--node-locations ZONE,ZONE,ZONE",
        "Or let a second pool (another GPU, spot or flex-start) serve it too, or reserve: gcloud compute reservations "
        "create NAME --zone ZONE --machine-type TYPE --vm-count {count}",
    ),
    "aws": (
        "See each attempt: aws autoscaling describe-scaling-activities --auto-scaling-group-name GROUP --max-items 5",
        "Give the group subnets in more availability zones and more instance types with this GPU (mixed instances).",
    ),
    "azure": (
        "Add a pool in other zones or of another size: az aks nodepool add --resource-group RG --cluster-name CLUSTER "
        "--name NAME --zones 1 2 3 --node-vm-size SIZE --node-count {count}",
    ),
}
_KARPENTER = (
    "In spec.template.spec.requirements of NodePool {pools} allow more: topology.kubernetes.io/zone, "
    "node.kubernetes.io/instance-type (others with this GPU), karpenter.sh/capacity-type In [on-demand, spot].",
)
_ANY = ("Let the node pool use more zones, more machine types with this GPU, or reserved capacity.",)


@rule(cause="gpu-stockout", branch=Branch.SCHEDULE, explains=capacity.ANY_NODE, order=7)
def gpu_stockout(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.STOCKOUT:
        return None
    pinned = zones.pin(replica)
    return Verdict(
        summary=_summary(replica, pinned),
        evidence=(*((pinned.shown,) if pinned else ()), *capacity.shown(replica)),
        confidence=found.confidence,
        fixes=(_fix(replica, pinned),),
    )


def _summary(replica: Replica, pinned: Pin | None) -> str:
    found = replica.provisioning
    if found.confidence is Confidence.POSSIBLE:
        return f"No node comes for {replica.name}: {_BACKOFF}"
    place = capacity.where(found.answers)
    held = f"; {pinned.by} keeps it in {', '.join(pinned.zones)}" if pinned else ""
    return (
        f"The cloud has no {capacity.what(replica)} to give{place} for {replica.name} "
        f"({found.by}{capacity.tried_for(replica)}){held}"
    )


def _fix(replica: Replica, pinned: Pin | None) -> Fix:
    count, _ = capacity.waiting(replica)
    seen = replica.facts.autoscalers
    elsewhere = dict.fromkeys(zone for answer in replica.provisioning.answers for zone in answer.elsewhere)
    pools = ", ".join(pool.metadata.name for pool in capacity.serving_pools(replica)) or "that serves it"
    ways = _KARPENTER if seen.pools else _STEPS.get(capacity.cloud(replica), _ANY)
    steps = [zones.unpin_step(pinned)] if pinned else []
    if elsewhere:
        steps.append(f"The cloud names zones that have it: {', '.join(elsewhere)}.")
    steps += [step.format(count=count, pools=pools) for step in ways]
    title = "Let the pod leave its zone" if pinned else "Accept more zones, machines or ways of buying"
    return remedies.advice(title, *steps)
