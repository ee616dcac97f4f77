"""A gateway, router or client gets no answer from the servers, and nothing says that one of them failed.

What it finds
    What NGINX, Envoy, Traefik, HAProxy, the load balancers of the clouds, the API server's proxy, endpoint pickers,
    vLLM's routers and OpenAI's client say of a Service without endpoints, with one that refuses, that wants a key, that
    fails a health check of theirs, where their words are all that was handed in. Or of a request that was taken, and
    not answered before the gateway gave up.

Why it matters
    Clients get 502, 503 or 504 whatever the servers do: the way to them is wrong, or none of them is ready.

Evidence
    The gateway's words.

Fix
    By hand: whether the Service has endpoints tells its selector and readiness from its port; and how long the gateway
    waits is its own setting.
"""

from __future__ import annotations

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event
from vops.model.snapshot import Source

_NONE = lazy_pattern(
    r"no healthy upstream|no_healthy_upstream|active [Ee]ndpoint|no endpoints|no live upstreams|no available server"
    r"|subset not found|no server available|No server is available|ring-balancer|candidate|no ready pod|failed_to_pick"
    r"|not found|no pods?\b|503 \w|[Nn]o (?:backend|deployments|available workers|target pod)|temporarily unavailable"
    r"|NOSRV|not healthy!|no-model-backends|(?:prefill|decode) endpoints"
)
_WITHOUT_ANY = (
    "Without any: compare its selector with the labels of the pods ({where} get pods --show-labels), and see whether "
    "those are ready; a model that loads is not, for minutes."
)


class _Refusal(msgspec.Struct, frozen=True):
    """How a gateway's kind of failure is told, and what to do, where `{where}` stands for kubectl."""

    what: str
    title: str
    steps: tuple[str, ...]


_UNREACHED = (
    "See whether the Service has endpoints: {where} get endpointslices",
    _WITHOUT_ANY,
    "With some that refuse: let targetPort be the port that vLLM listens on (8000 unless --port says another), with "
    "--host 0.0.0.0.",
    "Then the route: the name and port of its backend (Ingress, HTTPRoute, InferencePool), and the model's name where "
    "a router chooses by it.",
)
_LEAD = "Let the route lead to servers that are ready"
_REFUSALS = {
    "UpstreamUnavailable": _Refusal("", _LEAD, _UNREACHED),
    "NoRoute": _Refusal(
        "has no route for that host and path: no rule fits them, or the route is not attached: a Service without "
        "ready endpoints, or a wrong port",
        _LEAD,
        _UNREACHED,
    ),
    "KeyRefused": _Refusal(
        "has no key that the servers accept: they were started with an API key, and answer it 401",
        "Give the router the servers' API key",
        (
            "The servers ask for a key (--api-key, VLLM_API_KEY): let the router have the same one, from the same "
            "Secret (production-stack: servingEngineSpec.vllmApiKey, which the chart gives to both).",
            "/health asks for none; /v1/models and /metrics behind a proxy may.",
        ),
    ),
    "HealthCheckFails": _Refusal(
        "takes the servers for unhealthy: its health check asks at a path or port where they do not answer 200",
        "Let the load balancer's health check ask /health at the server's port",
        (
            "vLLM answers 200 at /health on its own port (8000) once the model is loaded, and 404 at /: set the path "
            "(AWS: alb.ingress.kubernetes.io/healthcheck-path: /health; GKE: a BackendConfig or HealthCheckPolicy with "
            "requestPath /health).",
            "A check that times out is kept from the pods: open the port in security groups, firewall rules "
            "(130.211.0.0/22 and 35.191.0.0/16 on GKE) and NetworkPolicies.",
            _WITHOUT_ANY,
        ),
    ),
}
"""By the reason of the event."""


@rule(cause="service-mismatch", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=30)
def upstream_unreachable(replica: Replica) -> Verdict | None:
    """Only of what stands for the servers: those that were seen are compared with their Service."""
    told = [] if replica.observed else list(replica.facts.events_with(*_REFUSALS))
    if not told or _meant_to_be_empty(replica, told[-1]):
        return None
    reason = _likeliest(told)
    shown = [item for item in told if item.reason == reason][-2:]
    refusal = _REFUSALS[reason]
    where = f"kubectl -n {replica.namespace or 'NAMESPACE'}"
    return Verdict(
        summary=f"The gateway {refusal.what or _what(shown[-1])}",
        evidence=tuple(map(evidence.event, shown)),
        confidence=Confidence.PROBABLE,
        fixes=(remedies.advice(refusal.title, *(step.replace("{where}", where) for step in refusal.steps)),),
    )


def _meant_to_be_empty(replica: Replica, event: Event) -> bool:
    """Whether it is about a workload that is scaled to nothing, of which replicas-zero tells."""
    return any(not item.desired and item.name in event.message for item in replica.facts.workloads)


def _likeliest(told: list[Event]) -> str:
    """The last that was told, but of a key that is not taken: without it nothing else can work."""
    reasons = [item.reason for item in told]
    return "KeyRefused" if "KeyRefused" in reasons else reasons[-1]


@rule(cause="service-mismatch", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=31)
def upstream_slow(replica: Replica) -> Verdict | None:
    """A server that took the request, and a gateway that did not wait as long as the answer takes."""
    told = [] if replica.observed else list(replica.facts.events_with("UpstreamSlow"))
    if not told or any(replica.facts.events_with(*_REFUSALS)):
        return None
    return Verdict(
        summary="The gateway gives up before the server has answered: its timeout is shorter than a long answer takes",
        evidence=tuple(map(evidence.event, told[-2:])),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.advice(
                "Let the route wait as long as an answer takes",
                "Raise the timeout of the route (nginx.ingress.kubernetes.io/proxy-read-timeout, timeouts.request of "
                "an HTTPRoute, timeout of a VirtualService, idle_timeout of an AWS load balancer, timeoutSec of a "
                "BackendConfig), or let clients stream.",
                "See whether requests queue: vllm:num_requests_waiting; then it is the server that is slow.",
                "Where even short requests time out: a NetworkPolicy or a wrong port that drops packets.",
            ),
        ),
    )


def _what(event: Event) -> str:
    empty = _NONE.search(event.message) is not None
    what = "has no server to send requests to" if empty else "reaches no server at the address that it has"
    return f"{what}: a Service without ready endpoints, or a wrong port"
