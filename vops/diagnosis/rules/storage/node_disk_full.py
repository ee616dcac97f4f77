"""The node's disk is full: the kubelet cannot even prepare the pod.

What it finds
    `no space left on device` in what the kubelet or the runtime says of volumes, sandbox or container.

Why it matters
    It is the disk of the node (/var/lib/kubelet, the runtime's state), not a volume of the pod; other pods there fail
    or are evicted as well.

Evidence
    The container's status or the kubelet's event.

Fix
    By hand: free space on the node, or give GPU nodes a larger boot disk.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import refusal, stuck_at
from vops.diagnosis.states import ReplicaState

_FULL = "no space left on device"
_REASONS = ("FailedMount", "FailedCreatePodSandBox", "FailedCreatePodContainer")


@rule(cause="disk-full", branch=Branch.START, explains={"mount-failed", "sandbox-failed"}, order=9)
def node_disk_full(replica: Replica) -> Verdict | None:
    shown = _said(replica)
    if shown is None:
        return None
    node = replica.pod.spec.node_name or "the node"
    return Verdict(
        summary=f"The disk of {node} is full: {replica.name} cannot be created there",
        evidence=(shown,),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                f"Free space on {node}",
                f"kubectl describe node {node} (DiskPressure, ephemeral-storage); on it: df -h, crictl rmi --prune.",
                f"Until then: kubectl cordon {node}, and delete the pod so that it starts elsewhere.",
            ),
        ),
    )


def _said(replica: Replica) -> Evidence | None:
    refused = refusal(replica)
    if refused is not None and _FULL in refused.text:
        return refused.shown
    event = stuck_at(replica, _REASONS) if replica.state is ReplicaState.CREATING else None
    return evidence.event(event) if event is not None and _FULL in event.message else None
