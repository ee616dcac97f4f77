"""The image is not built for the node's processor.

What it finds
    The registry has the image, and no variant for this architecture.

Why it matters
    GPU nodes may be arm64 (GH200, GB200) while images are amd64.

Evidence
    The runtime's words in the container's status and events, and the image reference.

Fix
    By hand: an image for that architecture, or a node of the other.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.images import pull_failure
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="image-wrong-arch", branch=Branch.START, order=20)
def image_wrong_arch(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica)
    if failure is None or failure[0] != "image-wrong-arch":
        return None
    return Verdict(
        summary=f"{replica.container.image} has no variant for the processor of {replica.pod.spec.node_name}",
        evidence=failure[1],
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                "Use an image for this processor",
                ("Set an image that is built for it, or a nodeSelector on kubernetes.io/arch.",),
            ),
        ),
    )
