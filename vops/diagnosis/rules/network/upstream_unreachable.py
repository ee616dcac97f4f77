"""A gateway, router or client gets no answer from the servers, and nothing says that one of them failed.

What it finds
    What NGINX, Envoy, Traefik, HAProxy, the API server's proxy, endpoint pickers and vLLM's routers say of a Service
    without endpoints or with one that refuses, where their words are all that was handed in. Or of a request that was
    taken, and not answered before the gateway gave up.

Why it matters
    Clients get 502, 503 or 504 whatever the servers do: the way to them is wrong, or none of them is ready.

Evidence
    The gateway's words.

Fix
    By hand: whether the Service has endpoints tells its selector and readiness from its port.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event
from vops.model.snapshot import Source

_REASON = "UpstreamUnavailable"
_NO_ROUTE = "NoRoute"
_SLOW = "UpstreamSlow"
_NONE = lazy_pattern(
    r"no healthy upstream|no_healthy_upstream|active [Ee]ndpoint|no endpoints|no live upstreams|no available server"
    r"|subset not found|no server available|No server is available|ring-balancer|candidate|no ready pod|failed_to_pick"
    r"|not found|no pods?\b|503 \w"
)


@rule(cause="service-mismatch", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=30)
def upstream_unreachable(replica: Replica) -> Verdict | None:
    """Only of what stands for the servers: those that were seen are compared with their Service."""
    told = [] if replica.observed else list(replica.facts.events_with(_REASON, _NO_ROUTE))
    if not told or _meant_to_be_empty(replica, told[-1]):
        return None
    where = f"kubectl -n {replica.namespace or 'NAMESPACE'}"
    return Verdict(
        summary=f"The gateway {_what(told[-1])}",
        evidence=tuple(map(evidence.event, told[-2:])),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Let the route lead to servers that are ready",
                f"See whether the Service has endpoints: {where} get endpointslices",
                f"Without any: compare its selector with the labels of the pods ({where} get pods --show-labels), and "
                "see whether those are ready; a model that loads is not, for minutes.",
                "With some that refuse: let targetPort be the port that vLLM listens on (8000 unless --port says "
                "another), with --host 0.0.0.0.",
                "Then the route: the name and port of its backend (Ingress, HTTPRoute, InferencePool), and the "
                "model's name where a router chooses by it.",
            ),
        ),
    )


def _meant_to_be_empty(replica: Replica, event: Event) -> bool:
    """Whether it is about a workload that is scaled to nothing, of which replicas-zero tells."""
    return any(not item.desired and item.name in event.message for item in replica.facts.workloads)


@rule(cause="service-mismatch", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=31)
def upstream_slow(replica: Replica) -> Verdict | None:
    """A server that took the request, and a gateway that did not wait as long as the answer takes."""
    told = [] if replica.observed else list(replica.facts.events_with(_SLOW))
    if not told or any(replica.facts.events_with(_REASON, _NO_ROUTE)):
        return None
    return Verdict(
        summary="The gateway gives up before the server has answered: its timeout is shorter than a long answer takes",
        evidence=tuple(map(evidence.event, told[-2:])),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.advice(
                "Let the route wait as long as an answer takes",
                "Raise the timeout of the route (nginx.ingress.kubernetes.io/proxy-read-timeout, timeouts.request of "
                "an HTTPRoute, timeout of a VirtualService, timeoutSec of a BackendConfig), or let clients stream.",
                "See whether requests queue: vllm:num_requests_waiting; then it is the server that is slow.",
                "Where even short requests time out: a NetworkPolicy or a wrong port that drops packets.",
            ),
        ),
    )


def _what(event: Event) -> str:
    if event.reason == _NO_ROUTE:
        return "has no route for that host and path: no rule fits them, or the route is not attached"
    empty = _NONE.search(event.message) is not None
    what = "has no server to send requests to" if empty else "reaches no server at the address that it has"
    return f"{what}: a Service without ready endpoints, or a wrong port"
