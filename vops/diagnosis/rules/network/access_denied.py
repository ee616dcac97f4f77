"""Something on the way forbids the request: an AuthorizationPolicy of the mesh, or a policy that drops packets.

What it finds
    `RBAC: access denied` and `rbac_access_denied_matched_policy`, the words of Istio's proxies; a client within the
    cluster whose connection is neither refused nor made; and what Cilium and Calico say of packets that they drop by a
    policy. Only where these words are all that was handed in.

Why it matters
    Clients, gateways and Knative's probes get 403 or nothing while the servers are ready.

Evidence
    The words of the proxy, the client or the network.

Fix
    By hand, at the policy: who may ask whom is for its owners to say.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.resources import Event
from vops.model.snapshot import Source


@rule(cause="network-policy", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=32)
def access_denied(replica: Replica) -> Verdict | None:
    told = () if replica.observed else replica.facts.events_with("AccessDenied", "PacketsDropped")
    if not told:
        return None
    if told[-1].reason == "PacketsDropped":
        return _dropped(replica, told[-1])
    where = f"kubectl -n {replica.namespace or 'NAMESPACE'}"
    return Verdict(
        summary="The service mesh forbids requests to the servers: no AuthorizationPolicy allows their sender",
        evidence=(evidence.event(told[-1]),),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Allow the sender in an AuthorizationPolicy",
                f"See what applies: {where} get authorizationpolicies, and those of istio-system.",
                "Allow the sender's service account or namespace (source.principals, source.namespaces); a policy that "
                "asks for a header must be met by the client, and the paths of probes are best left out of it.",
            ),
        ),
    )


def _dropped(replica: Replica, event: Event) -> Verdict:
    """A Service without endpoints refuses at once, and so does a port where nobody listens: silence is a policy's."""
    where = f"kubectl -n {replica.namespace or 'NAMESPACE'}"
    return Verdict(
        summary="Packets to the servers are dropped: most likely a NetworkPolicy does not let their sender in",
        evidence=(evidence.event(event),),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Let the sender through the NetworkPolicy",
                f"See what applies: {where} get networkpolicies (Cilium: ciliumnetworkpolicies, Calico: "
                "globalnetworkpolicies), of both namespaces.",
                "Add an ingress rule for the sender's namespace and pods, and the port that the pods listen on (8000); "
                "where the sender has an egress policy, add the servers and port 53 there.",
                "Without any policy: security groups or firewalls between the nodes, and the network plugin.",
            ),
        ),
    )
