"""The image was built for another processor: the kernel cannot execute its files.

What it finds
    `exec format error` in what the container wrote.

Why it matters
    An image for amd64 on an arm64 node (or the other way round) pulls without complaint and ends at once.

Evidence
    The runtime's words, the image, and the node's architecture.

Fix
    By hand: an image for the node's architecture, or a node of the image's.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_FORMAT = lazy_pattern(r"[Ee]xec format error")


@rule(cause="image-wrong-arch", branch=Branch.DIED, needs={Source.LOGS}, order=13, signature=_FORMAT)
def wrong_arch_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _FORMAT)
    if hit is None:
        return None
    node = replica.node
    arch = node.metadata.labels.get("kubernetes.io/arch", "") if node is not None else ""
    return deaths.verdict(
        replica,
        hit,
        f"The image of {replica.name} is built for another processor" + (f" than {arch}" if arch else ""),
        deaths.steps(
            replica,
            "Bring image and node together",
            f"Use an image for {arch or 'the architecture of the node'}, or nodeSelector kubernetes.io/arch; "
            "a script without its first line (#!) says the same.",
        ),
        evidence.container_field(replica, "image", replica.container.image),
    )
