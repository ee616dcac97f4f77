"""Nobody would bring a node for the pod.

What it finds
    No node in the cluster offers the GPU, and no autoscaler shows itself where one would: no status ConfigMap, no
    NodePool, no NodeClaim, all of them read. Or there is one, and it takes no notice of pods of so low a priority. Or
    somebody says so of a node group, beside a pod that waits.

Why it matters
    The pod would wait for ever. That no event tells of a scale-up proves nothing by itself, so it is not the evidence.

Evidence
    What was read, and the pod's priority.

Fix
    By hand: switch autoscaling on for a pool with this GPU, or add a node; give the pod a priority of -10 or more.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule

_READ = "no cluster-autoscaler-status in kube-system, no NodePool, no NodeClaim"
_SAID = "NoAutoscaler"
_SWITCH_ON = {
    "gce": "gcloud container clusters update CLUSTER --location LOCATION --node-pool POOL --enable-autoscaling "
    "--min-nodes 0 --max-nodes {count}",
    "aws": "Install Karpenter or the Cluster Autoscaler, or add {count} nodes to a node group with this GPU.",
    "azure": "az aks nodepool update --resource-group RG --cluster-name CLUSTER --name POOL "
    "--enable-cluster-autoscaler --min-count 0 --max-count {count}",
}


@rule(cause="autoscaler-absent", branch=Branch.SCHEDULE, explains={"gpu-not-advertised", "gpu-exhausted"}, order=8)
def autoscaler_absent(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.ABSENT:
        return None
    return Verdict(
        summary=_summary(replica),
        evidence=(
            _priority(replica) if found.detail else Evidence("cluster", "autoscalers", _READ),
            *capacity.shown(replica),
        ),
        confidence=found.confidence,
        fixes=(_fix(replica),),
    )


@rule(cause="autoscaler-absent", branch=Branch.SCHEDULE, explains={"gpu-not-advertised", "gpu-exhausted"}, order=9)
def autoscaler_said_absent(replica: Replica) -> Verdict | None:
    """By somebody's word that came with the pod, where there is no cluster to ask."""
    said = next((item for item in replica.events if item.reason == _SAID), None)
    if said is None or replica.pod.spec.node_name:
        return None
    return Verdict(
        summary=f"Nothing adds nodes for {replica.name}: its node group could have some, and no autoscaler is there",
        evidence=(evidence.event(said),),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Let nodes with this GPU be added",
                "Install Karpenter or the Cluster Autoscaler (or switch autoscaling on for the pool).",
                "Or add a node by hand: raise the desired size of the node group.",
            ),
        ),
    )


def _summary(replica: Replica) -> str:
    found = replica.provisioning
    if found.detail:
        return f"{found.by[0].upper()}{found.by[1:]} takes no notice of {replica.name}: {found.detail}"
    return (
        f"No node offers {replica.placement.gpu_resource}, and nothing in the cluster would add one for {replica.name}"
    )


def _priority(replica: Replica) -> Evidence:
    return evidence.pod_field("spec.priority", replica.pod.spec.priority, expected="-10 or more")


def _fix(replica: Replica) -> Fix:
    if replica.provisioning.detail:
        return remedies.by_steps(
            replica, "Raise its priority", ("Name a priorityClassName whose value is -10 or more, or none.",)
        )
    count, _ = capacity.waiting(replica)
    command = _SWITCH_ON.get(capacity.cloud(replica), "Add {count} nodes with this GPU.")
    return remedies.advice("Let nodes with this GPU be added", command.format(count=count))
