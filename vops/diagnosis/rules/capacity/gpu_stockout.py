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
    `fix-stockout`, else by hand, since it costs money: loosen the pin, or add zones and machine types to the node
    pool.
"""

from __future__ import annotations

from typing import Any

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.placement import zones
from vops.diagnosis.placement.zones import Pin
from vops.diagnosis.provisioning import capacity, karpenter
from vops.diagnosis.provisioning.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.resources import Node
from vops.sizing.named import named_weights

_ZONE, _PRODUCT = "topology.kubernetes.io/zone", "nvidia.com/gpu.product"
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
    target = remedies.workload_of(replica)
    if target is None or (pinned is not None and pinned.volume):
        return remedies.advice(title, *steps)
    params = {**_selector(replica), **_pool(replica, tuple(elsewhere)), **_fallback(replica)}
    return Fix(title, Applicability.ASK, "fix-stockout", {**target, **params}, tuple(steps))


def _selector(replica: Replica) -> dict[str, Any]:
    """The node selector without the zone that it asks for."""
    selector = replica.pod.spec.node_selector
    left = {key: value for key, value in selector.items() if not zones.names_zones(key)}
    return {"selector": left} if len(left) < len(selector) else {}


def _pool(replica: Replica, elsewhere: tuple[str, ...]) -> dict[str, Any]:
    """The only NodePool that would serve it, with the zones that the cloud names besides its own."""
    pools = capacity.serving_pools(replica)
    own = karpenter.allowed(pools[0], _ZONE) if len(pools) == 1 else ()
    more = tuple(zone for zone in elsewhere if zone not in own)
    return {"pool": f"nodepool/{pools[0].metadata.name}", "zones": [*own, *more]} if own and more else {}


def _fallback(replica: Replica) -> dict[str, Any]:
    """Other cards that are free on nodes that let it in, and that hold its model."""
    placement, selector = replica.placement, replica.pod.spec.node_selector
    if not placement.gpus or _PRODUCT not in selector:
        return {}
    for fit in placement.fits:
        card = fit.node.metadata.labels.get(_PRODUCT, "")
        rest = {key: value for key, value in selector.items() if not zones.names_zones(key)} | {_PRODUCT: card}
        only_labels = not (fit.unavailable or fit.taints or fit.short or fit.full)
        if card and only_labels and rest.items() <= fit.node.metadata.labels.items() and _holds(replica, fit.node):
            return {"fallback": rest}
    return {}


def _holds(replica: Replica, node: Node) -> bool:
    args = replica.args
    weights = named_weights(args.model, args.quantization, args.dtype)
    memory = node.metadata.labels.get("nvidia.com/gpu.memory", "")
    return weights is not None and memory.isdigit() and weights <= 0.8 * int(memory) * 2**20 * args.gpus
