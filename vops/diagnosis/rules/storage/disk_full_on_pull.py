"""The node's disk has no room for the image.

What it finds
    An image pull that ends with `no space left on device`.

Why it matters
    Every retry fails alike, and other pods on the node are evicted for the space that the attempt takes.

Evidence
    The runtime's words in the container's status or events, and the image.

Fix
    By hand: free space on the node, or give GPU nodes a larger boot disk.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.images import pull_failure


@rule(cause="disk-full", branch=Branch.START, order=20)
def disk_full_on_pull(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica, "disk-full")
    if failure is None:
        return None
    node = replica.pod.spec.node_name or "the node"
    return Verdict(
        summary=f"{node} has no disk space left for the image of {replica.name}",
        evidence=failure.evidence,
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                f"Free space on {node}",
                f"kubectl describe node {node} (DiskPressure, ephemeral-storage); on it: crictl rmi --prune.",
                "An image of vLLM needs 10 to 20 GB, unpacked twice as much: give GPU nodes a boot disk of 200 GB.",
            ),
        ),
    )
