"""A node would help, and a limit that somebody has set forbids it: of a node group, a NodePool or the cluster.

What it finds
    `max node group size reached`, `max total nodes in cluster reached`, a limit on a resource of the cluster, or
    Karpenter's `all available instance types exceed limits for nodepool`.

Why it matters
    The cloud was never asked. The limit is a decision about cost, and can be taken anew in a minute.

Evidence
    The autoscaler's words, the groups at their limit with their sizes, NodePool limits with what is used of them.

Fix
    By hand, since it costs money: the new limit that would be enough is computed.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Fix
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.cluster_autoscaler import NodeGroup
from vops.diagnosis.provisioning.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule

_COMMANDS = {
    "gce": "gcloud container node-pools update POOL --cluster CLUSTER --location LOCATION --enable-autoscaling "
    "--max-nodes {most}",
    "aws": "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {group} --max-size {most}",
    "azure": "az aks nodepool update --resource-group RG --cluster-name CLUSTER --name POOL "
    "--update-cluster-autoscaler --min-count 0 --max-count {most}",
}


@rule(cause="autoscaler-limit", branch=Branch.SCHEDULE, explains=capacity.LACK_OF_NODES, order=8)
def autoscaler_limit(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.LIMIT:
        return None
    pools = capacity.pool_limits(replica) if replica.facts.autoscalers.pools else ()
    full = ", ".join(f"{group.short} has {group.target} of {group.most} nodes" for group in found.groups[:3])
    why = full or (f"NodePool {found.detail}: its limits" if found.detail else "; ".join(found.reasons)[:160])
    return Verdict(
        summary=f"No node may be added for {replica.name}: {why} ({found.by})",
        evidence=(*capacity.shown(replica), *pools),
        confidence=found.confidence,
        fixes=(_fix(replica, found.groups),),
    )


def _fix(replica: Replica, groups: tuple[NodeGroup, ...]) -> Fix:
    count, gpus = capacity.waiting(replica)
    seen = replica.facts.autoscalers
    steps = [f"{capacity.need(replica)}."]
    if seen.pools:
        names = replica.provisioning.detail or "POOL"
        steps.append(
            f"Raise spec.limits of NodePool {names} by {gpus} {replica.placement.gpu_resource}, and by the cpu and "
            f"memory of such machines: kubectl edit nodepool {names}"
        )
        return remedies.advice("Raise the limit, if the cost is right", *steps)
    command = _COMMANDS.get(capacity.cloud(replica), "Set the maximum size of {group} to {most}.")
    steps += [command.format(group=group.short, most=(group.most or 0) + count) for group in groups[:3]]
    if not groups:
        steps.append(f"Raise the limit of nodes by {count}: of the group with these GPUs, or --max-nodes-total.")
    return remedies.advice("Raise the limit, if the cost is right", *steps)
