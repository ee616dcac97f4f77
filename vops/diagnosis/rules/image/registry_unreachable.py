"""The registry cannot be reached from the node.

What it finds
    The name cannot be resolved, or no connection is made: refused, timed out, or not trusted.

Why it matters
    It is the network or the registry, not the image: the tag may well exist.

Evidence
    The runtime's words in the container's status and events, and the image reference.

Fix
    By hand: open the way from the node to the registry, or name a mirror.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.images import pull_failure
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="registry-unreachable", branch=Branch.START, order=20)
def registry_unreachable(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica)
    if failure is None or failure[0] != "registry-unreachable":
        return None
    return Verdict(
        summary=f"{replica.pod.spec.node_name} cannot reach the registry of {replica.container.image}",
        evidence=failure[1],
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                "Open the way to the registry",
                ("See DNS, proxy and firewall of the node, and that the registry runs; or name a mirror.",),
            ),
        ),
    )
