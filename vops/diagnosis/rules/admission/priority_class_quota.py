"""The pods have a priority class that may be used only where a quota allows it.

What it finds
    `insufficient quota to match these scopes: [{PriorityClass In [system-node-critical system-cluster-critical]}]`.

Why it matters
    GKE and others admit the critical classes only in namespaces with a ResourceQuota for them, `kube-system` at first.
    No pod is made, and nothing but the ReplicaSet says so.

Evidence
    The refusal, and the class that the pod template names.

Fix
    `fix-priority-class`, else by hand: name a class of your own, or none.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import WorkloadFacts
from vops.diagnosis.findings import Applicability, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import admission


@rule(
    cause="priority-class-quota",
    branch=Branch.CREATE,
    of=WorkloadFacts,
    explains={"resource-quota", "admission-denied"},
    order=5,
)
def priority_class_quota(workload: WorkloadFacts) -> Verdict | None:
    refused = admission.refusal(workload)
    if refused is None or admission.PRIORITY_SCOPE.search(refused.text) is None:
        return None
    name = workload.workload.spec.template.spec.priority_class_name
    path = f"{workload.name} spec.template.spec.priorityClassName"
    where = workload.namespace or "their namespace"
    return Verdict(
        summary=f"The pods of {workload.name} may not have the priority class {name or 'that they name'}: no quota in "
        f"{where} allows it",
        evidence=(refused.shown, *((Evidence(workload.ref.kind.lower(), path, name),) if name else ())),
        confidence=refused.confidence,
        fixes=(
            *_without(workload, name),
            admission.at_workload(
                workload,
                "Name another priority class",
                "Remove priorityClassName from the pod template, or name a class of your own with a high value.",
                f"Or let an administrator create a ResourceQuota in {where} with scopeSelector PriorityClass In "
                f"[{name or 'CLASS'}] and hard pods: {max(1, workload.desired)}.",
            ),
        ),
    )


def _without(workload: WorkloadFacts, name: str) -> tuple[Fix, ...]:
    """The runbook where one may change the workload: its pods then have the priority of any other pod."""
    if workload.ref.kind not in remedies.CHANGEABLE or not name:
        return ()
    note = "Its pods then have no priority over others: a class of your own keeps one."
    title = f"Do without the priority class {name}"
    return (remedies.of_object("fix-priority-class", title, Applicability.ASK, workload.ref, {}, (note,)),)
