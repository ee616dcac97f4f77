"""A gateway or ingress does not send requests on: what its route names is not there, or it may not use it.

What it finds
    What a gateway's controller says of an HTTPRoute, GRPCRoute, Gateway, InferencePool or Ingress: a backend
    (Service, InferencePool, endpoint picker) that does not exist or that no ReferenceGrant allows, a route that no
    listener takes, a certificate that cannot be read.

Why it matters
    Servers are ready and clients get 404, 500 or `no healthy upstream`.

Evidence
    The condition or event of the route in the controller's words. A route counts for a server that was seen only where
    the words name that server's Service or workload.

Fix
    By hand, at the route or its backend: vops does not read routes, and which backend is meant is not to be guessed.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event
from vops.model.snapshot import Source

_ROUTES = frozenset({"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "Gateway", "InferencePool", "Ingress"})
_REFUSALS = (
    "BackendNotFound",
    "RefNotPermitted",
    "InvalidKind",
    "UnsupportedProtocol",
    "UnsupportedValue",
    "NoMatchingParent",
    "NoMatchingListenerHostname",
    "NotAllowedByListeners",
    "NotSupportedByParent",
    "HTTPRouteNotAccepted",
    "InvalidExtensionRef",
    "InvalidCertificateRef",
    "InvalidParameters",
    "NoResources",
    "Translate",
    "Sync",
    "FailedBuildModel",
    "FailedDeployModel",
    "AddressNotAssigned",
    "AddressNotUsable",
    "SyncLoadBalancerFailed",
    "CreatingLoadBalancerFailed",
    "AllocationFailed",
    "NoController",
    "NoRevision",
    "RefsInvalid",
)
"""Reasons of the Gateway API and its inference extension, of GKE's ingress and of the AWS load balancer controller."""

_STEPS = (
    (
        lazy_pattern(r"NoController|Waiting for controller|[Ii]ngress ?[Cc]lass"),
        "See that its class is there and its controller runs: kubectl get gatewayclasses,ingressclasses; the class "
        "that it names (gatewayClassName, ingressClassName) must be Accepted.",
    ),
    (
        lazy_pattern(r"NoRevision"),
        "See why the revision is not ready: kubectl get revisions, and the pods of its deployment; traffic goes to "
        "it as soon as it is.",
    ),
    (
        lazy_pattern(r"Ingress has not yet"),
        "Knative has no networking layer that takes its ingress: install net-istio, net-kourier or net-contour, "
        "and name it in ingress-class of the ConfigMap config-network.",
    ),
    (
        lazy_pattern(r"AddressNot|LoadBalancerFailed|AllocationFailed|subnets?\b"),
        "Give it an address: a cloud's load balancer, MetalLB, or type NodePort; the public subnets of AWS need the "
        "tag kubernetes.io/role/elb.",
    ),
    (
        lazy_pattern(r"not permitted|ReferenceGrant|RefNotPermitted"),
        "Create a ReferenceGrant in the backend's namespace that lets the route's namespace use it.",
    ),
    (
        lazy_pattern(r"InferencePool"),
        "See that the InferencePool is there, in the API group and version that the route names "
        "(inference.networking.k8s.io is v1, inference.networking.x-k8s.io its alpha), and that the gateway is of a "
        "version that knows it: kubectl get inferencepools -A",
    ),
    (
        lazy_pattern(r"extension|endpoint picker|\bepp\b"),
        "See that the Service of the endpoint picker (extensionRef, endpointPickerRef) is there, with ready endpoints.",
    ),
    (
        lazy_pattern(r"[Ss]ervice|[Bb]ackend"),
        "See that the Service that the route names is there, in the route's namespace and with that port.",
    ),
    (
        lazy_pattern(r"[Ll]istener|[Pp]arent|[Hh]ostname|sectionName"),
        "Let parentRefs name a listener whose allowedRoutes and hostname take the route.",
    ),
    (
        lazy_pattern(r"[Cc]ertificate|[Ss]ecret|TLS"),
        "See that the listener's certificate Secret is there, of type kubernetes.io/tls.",
    ),
)
_OTHERWISE = "Correct what the condition names, in the route or its backend."


@rule(cause="service-mismatch", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=20)
def route_unresolved(replica: Replica) -> Verdict | None:
    told = [item for item in replica.facts.events_with(*_REFUSALS) if _is_about(replica, item)]
    if not told:
        return None
    event = told[-1]
    about = event.involved_object
    text = f"{event.reason}: {event.message}"
    step = next((words for sign, words in _STEPS if sign.search(text)), _OTHERWISE)
    return Verdict(
        summary=f"{about.kind} {about.name} does not send requests to the servers: {event.message.strip(' .')[:200]}",
        evidence=(evidence.event(event),),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                f"Let {about.kind} {about.name} find its backend",
                f"See what its controller says: kubectl -n {about.namespace or 'default'} get "
                f"{about.kind.lower()} {about.name} -o yaml",
                step,
                "Some gateways look at a route only when it changes: touch it after its backend was made.",
            ),
        ),
    )


def _is_about(replica: Replica, event: Event) -> bool:
    if event.involved_object.kind not in _ROUTES or event.type != "Warning":
        return False
    services = {item.metadata.name for item in replica.facts.services.of(replica.pod)}
    own = {*services, replica.name, *((replica.owner.name,) if replica.owner is not None else ())}
    return not replica.observed or any(name in event.message for name in own)
