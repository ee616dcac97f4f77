"""A service mesh forbids the request: an AuthorizationPolicy does not allow its sender.

What it finds
    `RBAC: access denied` and `rbac_access_denied_matched_policy`, the words of Istio's proxies, where they are all that
    was handed in.

Why it matters
    Clients, gateways and Knative's probes get 403 while the servers are ready.

Evidence
    The proxy's words.

Fix
    By hand, at the policy: who may ask whom is for its owners to say.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(cause="network-policy", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=32)
def access_denied(replica: Replica) -> Verdict | None:
    told = () if replica.observed else replica.facts.events_with("AccessDenied")
    if not told:
        return None
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
