"""Whether a node is coming for a pod that has none: who was asked, since when, and what was answered.

The autoscaler's latest words about the pod decide. What is known only of node groups or pools counts where the pod has
no obstacle of its own on nodes that are there. Silence says nothing: events get lost and expire.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.diagnosis.findings import Confidence
from vops.diagnosis.provisioning.autoscalers import Autoscalers
from vops.diagnosis.provisioning.groups import by_events, by_groups, ca_name
from vops.diagnosis.provisioning.node_claims import by_karpenter, by_pools
from vops.diagnosis.provisioning.outcomes import NOTHING, Outcome, Provisioning

if TYPE_CHECKING:
    from vops.diagnosis.subjects import Replica

_IGNORED_BELOW = -10
_PATIENCE = timedelta(minutes=2)


def provisioning(replica: Replica) -> Provisioning:
    """What the autoscalers of the cluster make of one pod without a node."""
    if replica.pod.spec.node_name or replica.pod.spec.scheduling_gates:
        return NOTHING
    seen = replica.facts.autoscalers
    for read in (by_karpenter, by_events, by_pools, by_groups, _nobody):
        found = read(replica, seen)
        if found.outcome is not Outcome.NOTHING_KNOWN:
            return found
    return NOTHING


def _nobody(replica: Replica, seen: Autoscalers) -> Provisioning:
    """Nobody would bring a node: there is no GPU node and no autoscaler, or one that takes no notice of the pod."""
    pod, placement = replica.pod, replica.placement
    created = pod.metadata.creation_timestamp
    if created is None or seen.at - created < _PATIENCE:
        return NOTHING
    if pod.spec.priority < _IGNORED_BELOW and seen.has_cluster_autoscaler:
        detail = f"its priority, {pod.spec.priority}, is below {_IGNORED_BELOW}"
        return Provisioning(Outcome.ABSENT, ca_name(seen), Confidence.STRONG, since=created, detail=detail)
    offered = any(placement.offered(fit.node, placement.gpu_resource) > 0 for fit in placement.fits)
    if placement.gpus and placement.fits and not offered and seen.cloud and seen.surely_none:
        return Provisioning(Outcome.ABSENT, "", Confidence.STRONG, since=created)
    return NOTHING
