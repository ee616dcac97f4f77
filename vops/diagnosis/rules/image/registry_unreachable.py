"""The registry cannot be reached from the node.

What it finds
    The name cannot be resolved, no connection is made (refused, timed out, not trusted), the registry answers with an
    error of its own, or the transfer breaks off.

Why it matters
    It is the network or the registry, not the image: the tag may well exist. Where another node pulled the same image,
    it is this node.

Evidence
    The runtime's words in the container's status or events, the image, and the nodes that have it.

Fix
    By hand: what to look at follows from how it failed: DNS, proxy and firewall, certificates, or the registry itself.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.logs.wordings import read, wording
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.images import pull_failure, pulled_elsewhere

_SAYS = (
    wording(
        "no such host|server misbehaving|(?<!short-)name resolution",
        "its name cannot be resolved",
        "See the node's DNS (/etc/resolv.conf of the node, not the cluster's), and the spelling of the registry.",
    ),
    wording(
        "x509:|certificate",
        "its certificate is not trusted",
        "Add the registry's CA to the node's runtime (/etc/containerd/certs.d/REGISTRY/hosts.toml).",
    ),
    wording(
        "gave HTTP response to HTTPS client",
        "it speaks HTTP, and the node expects HTTPS",
        "Declare it as an http:// host in /etc/containerd/certs.d/REGISTRY/hosts.toml on the nodes.",
    ),
    wording(
        "connection refused|connection reset",
        "the connection is refused",
        "See that the registry runs and listens on that port, and that no firewall or proxy resets it.",
    ),
    wording(
        r"\b5\d\d ",
        "it answers with an error of its own",
        "It is the registry: see its status, and name a mirror until it is back.",
    ),
    wording(
        "timeout|timed out|deadline|no route|unreachable|canceled",
        "no answer comes in time",
        "See the way out of the node: NAT or proxy, egress rules, and the bandwidth that a large image needs.",
    ),
    wording(
        "unexpected media type",
        "something else answers in its place",
        "A proxy or a login page stands between: see what curl says on the node, and the node's proxy settings.",
    ),
    wording("", "the transfer breaks off", "See the network between node and registry, and try again."),
)


@rule(cause="registry-unreachable", branch=Branch.START, order=20)
def registry_unreachable(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica, "registry-unreachable")
    if failure is None:
        return None
    node, image = replica.pod.spec.node_name or "the node", replica.container.image or "its image"
    said = read(failure.text, _SAYS)
    if said is None:
        return None
    others = pulled_elsewhere(replica)
    only_here = (f"Other nodes pulled the same image ({', '.join(others[:3])}): look at {node}.",) if others else ()
    return Verdict(
        summary=f"{node} cannot pull {image} from its registry: {said.says}",
        evidence=failure.evidence,
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice("Open the way to the registry", *only_here, said.step, "Or name a mirror of the image."),
        ),
    )
