"""A client or a gateway cannot resolve the name of a Service.

What it finds
    `Could not resolve host`, `bad address`, `NXDOMAIN` or `host not found in upstream` about a name of the cluster,
    or CoreDNS' own complaints that the servers it asks do not answer, where these words are all that was handed in.

Why it matters
    The servers may be ready: nobody finds them.

Evidence
    The words of the client.

Fix
    By hand: the name, its namespace, or the cluster's DNS.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_FORWARDING = "plugin/errors: "
"""How CoreDNS' log begins to say that a query came to nothing."""


@rule(cause="dns-failure", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=35)
def name_not_resolved(replica: Replica) -> Verdict | None:
    """Only of what stands for the servers: what a server itself cannot resolve is in its own log."""
    told = [] if replica.observed else list(replica.facts.events_with("NameNotResolved"))
    if not told:
        return None
    asked = any(_FORWARDING in item.message for item in told)
    return Verdict(
        summary="CoreDNS gets no answer from the servers that it asks"
        if asked
        else "A name of the cluster cannot be resolved",
        evidence=tuple(map(evidence.event, told[-2:])),
        confidence=Confidence.STRONG,
        fixes=(_upstream() if asked else _by_name(),),
    )


def _by_name() -> Fix:
    return remedies.advice(
        "Let the name be resolved",
        "See that the Service is there: kubectl get services -A; from another namespace its name is "
        "SERVICE.NAMESPACE.svc",
        "Then DNS itself: kubectl -n kube-system get pods -l k8s-app=kube-dns, and CoreDNS' log; an egress "
        "policy must let port 53 out.",
    )


def _upstream() -> Fix:
    return remedies.advice(
        "Give CoreDNS servers that answer",
        "See whom it asks: kubectl -n kube-system get configmap coredns -o yaml, forward; /etc/resolv.conf means the "
        "node's own.",
        "From the node, ask one of them: dig @SERVER huggingface.co; port 53 must be open to it, over UDP and TCP.",
        "Then: kubectl -n kube-system rollout restart deployment/coredns",
    )
