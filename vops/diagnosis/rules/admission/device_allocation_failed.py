"""The node's kubelet refused the pod: the GPU that the scheduler counted on was not to be had.

What it finds
    A failed pod with the reason UnexpectedAdmissionError, OutOf<resource> or TopologyAffinityError.

Why it matters
    Right after a node boots it is a race that ends by itself; on one node again and again it is a broken device plugin
    or GPU. Controllers make new pods, and the failed ones pile up.

Evidence
    Pod.status, with the kubelet's words.

Fix
    By hand: remove the failed pods; cordon a node where it repeats.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.demands import is_gpu
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="device-allocation-failed", branch=Branch.GONE, order=10)
def device_allocation_failed(replica: Replica) -> Verdict | None:
    status = replica.pod.status
    out_of_gpu = is_gpu(status.reason.removeprefix("OutOf"))
    if status.reason not in ("UnexpectedAdmissionError", "TopologyAffinityError") and not out_of_gpu:
        return None
    node = replica.pod.spec.node_name or "the node"
    return Verdict(
        summary=f"{node} refused {replica.name}: {status.reason}",
        evidence=(evidence.pod_field("status", f"{status.reason}: {status.message}"),),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                "Clear the failed pod; look at the node if it repeats",
                f"kubectl -n {replica.namespace} delete pod {replica.name}",
                f"If it repeats on {node}: kubectl cordon {node}, and look at its device plugin.",
            ),
        ),
    )
