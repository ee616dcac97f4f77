"""A server is ready, and its Service does not lead to it.

What it finds
    No Service selects the pod, and one that selects nothing at all is meant for it: by a label that differs, or by its
    name. Or a Service selects it and leads to a port where nothing listens, to a port name that no container has, or by
    another protocol. Or the server listens on localhost only. Headless Services are asked for their selector alone.

Why it matters
    Pod and Service both look healthy; clients get `connection refused` or wait for an endpoint that never comes.

Evidence
    The selector with the pod's labels, or the Service's ports with the port that the server listens on, and the
    EndpointSlices.

Fix
    `fix-argument` or `fix-service`, else by hand, at the Service: the selector of the workload, or the target port.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.network import services
from vops.diagnosis.network.services import Listening
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.network import Service, ServicePort
from vops.model.objects import Ref
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_GENERATED = ("pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/", "apps.kubernetes.io/")
_COMMON = ("app.kubernetes.io/managed-by", "helm.sh/chart", "app.kubernetes.io/part-of", "app.kubernetes.io/version")
_ALIKE = 0.6
_BETWEEN_SERVERS = frozenset({5557, 5600, 6379, 8265, 10001, 14579, 29500})
"""Ports of Ray, NIXL's side channel, NCCL's rendezvous and vLLM's KV events."""
_KIND_OF_THING = lazy_pattern(
    r"(?:-(?:svc|service|server|serving|deployment|deploy|api|http|web|lb|endpoint|openai|inference))+$"
)
_LOOPBACK = ("127.", "localhost", "::1")


class Meant(msgspec.Struct, frozen=True):
    """A Service that is probably meant for a pod, with how sure that is; `wrong` holds the labels that differ."""

    service: Service
    score: float
    wrong: Mapping[str, str]
    confidence: Confidence


@rule(cause="service-mismatch", branch=Branch.TRAFFIC, needs={Source.SERVICES}, order=10)
def service_mismatch(replica: Replica) -> Verdict | None:
    if replica.args.headless or not (replica.observed or replica.pod.metadata.labels):
        return None
    if not replica.facts.services.of(replica.pod):
        meant = nearest(replica)
        return _selects_nothing(replica, meant) if meant is not None else None
    routed, missing = ways(replica)
    known = services.listening(replica)
    if not routed or known is None:
        return None
    local = _only_local(replica)
    if local and len(missing) < len(routed) and not known.others:
        return _says_local(replica, routed[0], local)
    return _wrong_port(replica, missing[0], known) if len(missing) == len(routed) else None


def misses(replica: Replica) -> bool:
    """Whether Services select a server and each of them leads to where it does not listen."""
    routed, missing = ways(replica)
    return bool(routed) and len(missing) == len(routed)


def ways(replica: Replica) -> tuple[list[Service], list[Service]]:
    """The Services that are a way to a server, and those of them that lead past it; neither where nobody knows."""
    selecting = replica.facts.services.of(replica.pod)
    routed = [item for item in selecting if item.spec.cluster_ip != "None" and _for_clients(replica, item)]
    known = services.listening(replica) if routed else None
    if known is None:
        return routed, []
    return routed, [item for item in routed if not any(_reaches(replica, known, port) for port in item.spec.ports)]


# --- the selector -----------------------------------------------------------------------------------------


def nearest(replica: Replica) -> Meant | None:
    """The Service without any pod that is most like a pod's own; None when none is alike."""
    found = [_meant(replica, item) for item in replica.facts.services.nowhere(replica.namespace)]
    return max((item for item in found if item is not None), key=lambda item: item.score, default=None)


def _meant(replica: Replica, service: Service) -> Meant | None:
    labels, selector = replica.pod.metadata.labels, service.spec.selector
    told = {key: value for key, value in selector.items() if not key.startswith(_COMMON)}
    same = [key for key, value in told.items() if labels.get(key) == value]
    wrong = {key: value for key, value in selector.items() if labels.get(key) != value}
    alike = [key for key, value in told.items() if key not in same and _alike(key, value, labels)]
    owner = replica.owner.name if replica.owner is not None else ""
    named = 1.2 if service.metadata.name == owner else 0.6 * _extends(service.metadata.name, owner)
    score = 0.6 * bool(same) + 0.5 * bool(alike) + named
    unlike = len(told) - len(same) - len(alike)
    sure = named > 1 or (same and not unlike) or (alike and not unlike and _core(service.metadata.name) == _core(owner))
    confidence = Confidence.STRONG if sure else Confidence.PROBABLE
    return Meant(service, score, wrong, confidence) if score - 0.3 * unlike > 0.2 else None


def _alike(key: str, value: str, labels: Mapping[str, str]) -> bool:
    """Whether a label is nearly there: the value differs a little, or stands under another key."""
    if key in labels:
        has = labels[key]
        return _extends(value, has) or SequenceMatcher(None, value, has).ratio() >= _ALIKE
    own = {name: text for name, text in labels.items() if not name.startswith((*_GENERATED, *_COMMON))}
    return value in own.values()


def _core(name: str) -> str:
    """A name without the words that only say that it is a server."""
    return _KIND_OF_THING.sub("", name)


def _extends(one: str, other: str) -> bool:
    """Whether one name is the other with something more: `llama` and `llama-svc`."""
    short, long = sorted((one, other), key=len)
    return bool(short) and long.startswith(short) and (len(long) == len(short) or long[len(short)] in "-.")


def _selects_nothing(replica: Replica, meant: Meant) -> Verdict:
    service, labels = meant.service, replica.pod.metadata.labels
    name = service.metadata.name
    wrong = ", ".join(
        f"{key}={value} (it has {labels.get(key) or 'no such label'})" for key, value in meant.wrong.items()
    )
    own = {key: value for key, value in labels.items() if not key.startswith(_GENERATED)}
    workload = replica.workload
    right = (workload.spec.selector.match_labels if workload is not None else {}) or own
    patch = json.dumps([{"op": "replace", "path": "/spec/selector", "value": right}])
    slices = replica.facts.services.slices(service)
    empty = (Evidence("endpointslice", name, "no address", "the pod's"),) if slices is not None else ()
    return Verdict(
        summary=f"Service {name} leads to no pod: its selector misses {replica.name} by {wrong}",
        evidence=(
            Evidence("service", f"{name} spec.selector", evidence.label_words(service.spec.selector)),
            evidence.pod_field("metadata.labels", evidence.label_words(own)),
            *empty,
        ),
        confidence=meant.confidence,
        severity=Severity.ERROR if meant.confidence is Confidence.STRONG else Severity.WARNING,
        fixes=(
            _fix(
                replica,
                service,
                f"Let Service {name} select the pods",
                {"selector": right},
                f"kubectl -n {replica.namespace} patch service {name} --type=json -p '{patch}'",
                f"Then it has endpoints: kubectl -n {replica.namespace} get endpointslices -l "
                f"kubernetes.io/service-name={name}",
            ),
        ),
    )


# --- the port ---------------------------------------------------------------------------------------------


def _for_clients(replica: Replica, service: Service) -> bool:
    """Whether it is a way to the API: not one for Ray, NCCL or the transfer of KV blocks alone."""
    targets = [services.target(replica.pod, port) for port in service.spec.ports]
    return any(at not in _BETWEEN_SERVERS for at in targets)


def _reaches(replica: Replica, known: Listening, port: ServicePort) -> bool:
    at = services.target(replica.pod, port)
    return at is not None and port.protocol == "TCP" and known.has(at)


def _wrong_port(replica: Replica, service: Service, known: Listening) -> Verdict:
    name, port = service.metadata.name, service.spec.ports[0]
    wanted, at = port.target_port or port.port, services.target(replica.pod, port)
    listens = min(known.server)
    if at is None:
        what = f"the port name {wanted!r}, which no container of {replica.name} has"
    elif known.has(at):
        what = f"port {at} by {port.protocol}, and the server speaks TCP"
    else:
        what = f"port {at} of {replica.name}, where nothing listens"
    named = next((item.name for item in replica.container.ports if item.name and item.container_port == listens), "")
    right: int | str = named or listens
    patch = json.dumps([{"op": "replace", "path": "/spec/ports/0/targetPort", "value": right}])
    protocol = json.dumps([{"op": "replace", "path": "/spec/ports/0/protocol", "value": "TCP"}])
    proven = at is None or known.certain
    return Verdict(
        summary=f"Service {name} leads to {what}: the server has port {listens}",
        evidence=(
            Evidence("service", f"{name} spec.ports[0].targetPort", f"{wanted} ({port.protocol})", str(right)),
            evidence.container_field(replica, "ports", f"the server has {known.how}"),
        ),
        confidence=Confidence.CERTAIN if proven else Confidence.STRONG,
        fixes=(
            _fix(
                replica,
                service,
                f"Point Service {name} at port {listens}",
                {"protocol": "TCP"} if at is not None and known.has(at) else {"target_port": right},
                f"kubectl -n {replica.namespace} patch service {name} --type=json -p "
                f"'{protocol if at is not None and known.has(at) else patch}'",
                f"See that it answers: kubectl -n {replica.namespace} get --raw "
                f"/api/v1/namespaces/{replica.namespace}/services/{name}:{port.port}/proxy/health",
            ),
        ),
    )


def _fix(replica: Replica, service: Service, title: str, change: dict[str, Any], *by_hand: str) -> Fix:
    """The runbook where the servers behind the Service can be looked at afterwards; else how to do it by hand."""
    workload, name = remedies.workload_of(replica), service.metadata.name
    if workload is None:
        return remedies.advice(title, *by_hand)
    target = Ref("Service", name, service.metadata.namespace)
    params = {"workload": workload["target"], **change}
    return remedies.of_object("fix-service", title, Applicability.SAFE, target, params, by_hand[1:])


def _only_local(replica: Replica) -> str:
    """The loopback address that the server listens on; empty when it can be reached from outside of the pod."""
    log = replica.log
    host = log.listening_host if log is not None and log.listening_host else replica.args.host
    return host if host.startswith(_LOOPBACK) else ""


def _says_local(replica: Replica, service: Service, host: str) -> Verdict:
    return Verdict(
        summary=f"{replica.name} listens on {host} only, so that Service {service.metadata.name} cannot reach it",
        evidence=(
            evidence.container_field(replica, "args[--host]", host, "every address"),
            Evidence("service", f"{service.metadata.name} spec.selector", evidence.label_words(service.spec.selector)),
        ),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.runbook(
                replica,
                "fix-argument",
                "Listen on every address",
                Applicability.SAFE,
                {"container": replica.container.name, "flags": {"host": "0.0.0.0"}},  # noqa: S104
                by_hand=("Remove --host, or set it to 0.0.0.0 (:: where pods have IPv6).",),
            ),
        ),
    )
