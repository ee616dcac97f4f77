"""The node's kubelet refused the pod for want of something other than a GPU, or because its labels fit no more.

What it finds
    A failed pod with the reason OutOfcpu, OutOfmemory, OutOfephemeral-storage, OutOfpods or NodeAffinity.

Why it matters
    The scheduler and the kubelet see different things: two schedulers, a pod that names its node, static pods that the
    scheduler does not count, or labels that changed after the decision.

Evidence
    Pod.status with the kubelet's numbers.

Fix
    By hand: remove the failed pods, and let one scheduler place them.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import endings
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule

_OTHER_LABELS = (
    "NodeAffinity",
    "NodeSelectorMismatching",
    "MatchNodeSelector",
    "PodOSNotSupported",
    "PodOSSelectorNodeLabelDoesNotMatch",
)
_UNABLE = ("SysctlForbidden", "AppArmor", "PodLevelResourcesNotSupported", "PodFeatureUnsupported")
_SHORT = ("OutOfcpu", "OutOfmemory", "OutOfephemeral-storage", "OutOfpods")


@rule(cause="cpu-memory-short", branch=Branch.GONE, order=11)
def node_had_no_room(replica: Replica) -> Verdict | None:
    reason = replica.pod.status.reason
    if reason not in _SHORT:
        return None
    short = reason.removeprefix("OutOf")
    return _refused(
        replica,
        f"has not enough {short} left",
        f"Lower the request for {short}, or see what runs there uncounted (static pods, pods that name their node): "
        "kubectl describe node {node}",
    )


@rule(cause="node-selector-mismatch", branch=Branch.GONE, order=11)
def node_matches_no_more(replica: Replica) -> Verdict | None:
    """A pod whose node lost the labels that it asks for between the scheduler's decision and its start."""
    if replica.pod.status.reason not in _OTHER_LABELS:
        return None
    return _refused(
        replica,
        "does not have the labels that it asks for",
        "Compare them: kubectl get node {node} --show-labels; a node that was made anew may lack labels set by hand",
    )


@rule(cause="admission-denied", branch=Branch.GONE, order=11)
def node_does_not_allow(replica: Replica) -> Verdict | None:
    """A pod that asks for what its node's kubelet is not set up for, or not allowed to give."""
    status = replica.pod.status
    if status.reason not in _UNABLE:
        return None
    return _refused(
        replica,
        f"does not allow what its securityContext asks for ({status.message.removeprefix(endings.REJECTED)})",
        "Take that setting out of the pod template's securityContext, or allow it on {node} (the kubelet's "
        "--allowed-unsafe-sysctls, AppArmor)",
    )


def _refused(replica: Replica, why: str, step: str) -> Verdict:
    status, node = replica.pod.status, replica.pod.spec.node_name or "NODE"
    return Verdict(
        summary=f"{node} refused {replica.name}: it {why}",
        evidence=(evidence.pod_field("status", f"{status.reason}: {status.message}"),),
        confidence=Confidence.CERTAIN,
        severity=endings.severity(replica),
        fixes=(_fix(replica, f"{step.format(node=node)}."),),
    )


def _fix(replica: Replica, step: str) -> Fix:
    title = "Clear the failed pods; see why scheduler and kubelet disagree"
    target = remedies.workload_of(replica)
    if target is None:
        return remedies.advice(title, endings.clear_step(replica), step)
    return Fix(title, Applicability.ASK, "clean-failed-pods", dict(target), (step,))
