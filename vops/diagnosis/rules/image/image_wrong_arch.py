"""The image is not built for the node's processor.

What it finds
    The registry has the image but no variant for this architecture, or the runtime cannot execute its binary.

Why it matters
    GPU nodes may be arm64 (GH200, GB200) while images are amd64, and images built on a Mac are arm64.

Evidence
    The runtime's words, the image, and the node's architecture.

Fix
    `fix-node-selector` where nodes of the other architecture have the GPUs, else `fix-image`, else by hand: an
    image for that architecture, or a node of the other.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import refusal
from vops.diagnosis.starting.images import pull_failure
from vops.model.patterns import lazy_pattern
from vops.model.resources import Node

_FORMAT = lazy_pattern(
    r"exec(?:ve)? ?.{0,200}exec format error|cannot execute binary file: Exec format error", re.IGNORECASE
)
_LABEL = "kubernetes.io/arch"
_SCRIPT = (".sh", ".bash", ".py")


@rule(cause="image-wrong-arch", branch=Branch.START, order=19)
def image_wrong_arch(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica, "image-wrong-arch")
    return _refused(replica) if failure is None else _verdict(replica, failure.evidence, Confidence.CERTAIN)


def _refused(replica: Replica) -> Verdict | None:
    found = refusal(replica)
    if found is None or not _FORMAT.search(found.text):
        return None
    return _verdict(replica, (found.shown,), _confidence(replica))


def _confidence(replica: Replica) -> Confidence:
    """A script without its first line (#!) says the same."""
    command = (*replica.container.command, *replica.container.args)[:1]
    return Confidence.PROBABLE if any(word.endswith(_SCRIPT) for word in command) else Confidence.STRONG


def _verdict(replica: Replica, found: tuple[Evidence, ...], confidence: Confidence) -> Verdict:
    arch = _arch(replica)
    where = replica.pod.spec.node_name or "the node"
    node = (evidence.node_field(replica.node, "status.nodeInfo.architecture", arch),) if replica.node and arch else ()
    other = {"arm64": "amd64", "amd64": "arm64"}.get(arch, "the other architecture")
    return Verdict(
        summary=f"{replica.container.image or 'The image'} is not built for the processor of {where}"
        + (f" ({arch})" if arch else ""),
        evidence=(*found, *node),
        confidence=confidence,
        fixes=(_fix(replica, arch, other),),
    )


def _fix(replica: Replica, arch: str, other: str) -> Fix:
    """Nodes of the other architecture, where some have the GPUs; else another image, which has to be named."""
    title = "Use an image for this processor"
    steps = (
        f"Set an image that is built for {arch or 'this architecture'} (docker buildx build --platform "
        f"linux/{arch or 'ARCH'}; an -aarch64 or -arm64 tag where there is one),",
        f"or choose nodes of {other}: nodeSelector kubernetes.io/arch.",
    )
    if any(_fits(replica, node, other) for node in replica.facts.snapshot.nodes):
        selector = {**replica.pod.spec.node_selector, _LABEL: other}
        return remedies.runbook(
            replica,
            "fix-node-selector",
            f"Run it on nodes of {other}",
            Applicability.ASK,
            {"selector": selector},
            by_hand=steps,
            notes=steps[:1],
        )
    params = {"container": replica.container.name}
    return remedies.runbook(replica, "fix-image", title, Applicability.ASK, params, by_hand=steps, notes=steps)


def _fits(replica: Replica, node: Node, arch: str) -> bool:
    resource = replica.placement.gpu_resource
    return node.metadata.labels.get(_LABEL) == arch and capacity(node, resource) >= max(1, replica.gpu_count)


def _arch(replica: Replica) -> str:
    node = replica.node
    if node is None:
        return ""
    return str(node.status.node_info.get("architecture", "")) or node.metadata.labels.get(_LABEL, "")
