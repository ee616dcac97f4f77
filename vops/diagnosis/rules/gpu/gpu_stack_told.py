"""What makes nodes offer their GPUs is not ready, by the word of the GPU Operator or of a table.

What it finds
    A ClusterPolicy or NVIDIADriver that says which of its states are not ready, or that nodes carry no labels of Node
    Feature Discovery; the DaemonSet of a device plugin that wants no node at all; the log of a device plugin beside a
    pod that waits for GPUs; and of nodes that no GPU is theirs (`kubectl describe node | grep gpu`) or that their
    GPU's parts are paused for a new driver. Where nothing else of the cluster was handed in.

Why it matters
    Without driver, toolkit and device plugin no node offers a GPU, whatever card is in it.

Evidence
    The words, or the row of the table.

Fix
    By hand: the first state that is not ready holds up the others; a DaemonSet without nodes has a selector that no
    node's labels fit.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_NO_NODE = "DESIRED 0"


@rule(cause="gpu-not-advertised", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=2)
def gpu_stack_told(replica: Replica) -> Verdict | None:
    """Only of what stands for the pods: nodes that were seen tell by themselves."""
    told = () if replica.observed else replica.facts.events_with("GpuStackNotReady")
    if not told:
        return None
    nowhere = _NO_NODE in told[-1].message or "NFD" in told[-1].message
    return Verdict(
        summary=f"The GPU stack is not ready on the nodes: {told[-1].message.strip(' .')[:200]}",
        evidence=(evidence.event(told[-1]),),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Let the GPU stack come up on the nodes",
                "See that the nodes have the labels that its DaemonSets select by: kubectl get nodes -L "
                "nvidia.com/gpu.present,feature.node.kubernetes.io/pci-10de.present; Node Feature Discovery makes "
                "them, "
                "and must run on the GPU nodes (its worker tolerates their taints)."
                if nowhere
                else "See which pod is the first that does not run: kubectl -n gpu-operator get pods -o wide; the "
                "driver "
                "comes before the toolkit, the toolkit before the device plugin and the validator.",
                "Read the log of that pod (kubectl -n gpu-operator logs POD --all-containers): vops diagnose takes it.",
                "Then nvidia.com/gpu is in kubectl describe node, under Allocatable.",
            ),
        ),
    )
