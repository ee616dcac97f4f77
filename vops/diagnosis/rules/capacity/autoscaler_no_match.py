"""No node that the autoscaler could add would take the pod.

What it finds
    `NotTriggerScaleUp` with nothing but scheduling reasons, or Karpenter's `no instance type met …`,
    `did not tolerate taint`, `incompatible requirements`: every node group or NodePool is ruled out.

Why it matters
    Waiting is no use. The pod asks for what no group offers, or a group that is empty does not tell that its nodes
    would have GPUs.

Evidence
    The autoscaler's words, with what each reason means.

Fix
    By hand: change what the pod asks for, or the group that was meant to serve it.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Fix
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule

_GPU_UNTOLD = {
    "gce": "no pool has this GPU in this number: add one with --accelerator type=TYPE,count={gpus}",
    "aws": "tag the auto scaling group that is meant, so that an empty group is known to have GPUs: "
    "k8s.io/cluster-autoscaler/node-template/resources/{resource}={gpus}",
}
_MEANINGS = (
    ("taint", "a group's nodes have a taint that the pod does not tolerate: add the toleration to the pod template"),
    ("did not tolerate", "the pool's nodes have a taint that the pod does not tolerate: add the toleration to the pod"),
    ("node affinity", "the pod's nodeSelector or affinity matches no group: compare its labels with the group's"),
    ("node selector", "the pod's nodeSelector matches no group: compare its labels with the group's"),
    ("Insufficient cpu", "the machines have too few cores for what the pod requests"),
    ("Insufficient memory", "the machines have too little memory for what the pod requests"),
    ("ephemeral-storage", "the machines' disks are smaller than the ephemeral-storage that the pod requests"),
    ("volume", "a volume of the pod is in a zone that no group is in"),
    ("anti-affinity", "other pods keep it away by anti-affinity"),
    ("topology spread", "its topology spread constraint leaves no zone with a group"),
    ("no nodepools found", "there is no NodePool that is ready"),
    ("had enough resources", "no instance type of the NodePool has as much as the pod requests"),
    ("has enough resources", "no instance type of the NodePool has as much as the pod requests"),
    ("met all requirements", "the NodePool's requirements allow no instance type that the pod selects"),
    ("met the scheduling requirements", "the NodePool's requirements allow no instance type that the pod selects"),
    (
        "incompatible requirements",
        "the pod selects a label that the NodePool does not give: add it to its requirements",
    ),
)


@rule(cause="autoscaler-no-match", branch=Branch.SCHEDULE, explains={"gpu-exhausted", "gpu-not-advertised"}, order=60)
def autoscaler_no_match(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.NO_MATCH:
        return None
    said = "; ".join(found.reasons)[:200]
    return Verdict(
        summary=f"No node that {found.by} could add would take {replica.name}: {said}",
        evidence=capacity.shown(replica),
        confidence=found.confidence,
        fixes=(_fix(replica),),
    )


def _fix(replica: Replica) -> Fix:
    said = " ".join(replica.provisioning.reasons)
    steps = [meaning for sign, meaning in _MEANINGS if sign in said]
    resource = replica.placement.gpu_resource
    if resource and f"Insufficient {resource}" in said:
        untold = _GPU_UNTOLD.get(
            replica.facts.autoscalers.cloud, "no group has machines with {gpus} {resource}: add one"
        )
        steps.append(untold.format(gpus=replica.gpu_count, resource=resource))
    steps = list(dict.fromkeys(f"{step[0].upper()}{step[1:]}." for step in steps))
    return remedies.by_steps(
        replica,
        "Let the pod fit a node group, or add a group that it fits",
        tuple(steps) or ("Compare what the pod asks for with what each group's nodes offer.",),
    )
