"""The way from a client to a server: which Services lead to a pod, at which port, and which ones lead nowhere.

A Service reaches the pods that its selector matches, at `targetPort`: a number, or a name that is looked up among the
ports of each pod (endpoints controller: FindPort). Computed from the objects; the EndpointSlices confirm it where they
were read, since a look at one pod does not read all others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from vops.diagnosis.subjects import Replica
from vops.model.network import SERVICE_LABEL, EndpointSlice, Service, ServicePort
from vops.model.patterns import lazy_pattern
from vops.model.pods import Container, Pod, Probe
from vops.model.snapshot import Source

if TYPE_CHECKING:
    from vops.diagnosis.facts import Facts

Key = tuple[str, str]
Alike = tuple[str, frozenset[Key]]
_OF_EACH = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "controller-uid",
    }
)
_ADDRESS = lazy_pattern(r"//([a-z0-9][a-z0-9-]*)(?:\.([a-z0-9-]+))?(?:\.svc[a-z0-9.-]*)?(?=[:/,\s]|$)", re.ASCII)


class Services:
    """The Services of one snapshot, joined to pods; each thing is computed once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def _by_namespace(self) -> dict[str, list[Service]]:
        found: dict[str, list[Service]] = defaultdict(list)
        for item in self._facts.all(Service):
            found[item.metadata.namespace].append(item)
        return found

    @cached_property
    def _labels(self) -> dict[str, list[Mapping[str, str]]]:
        """The labels of every pod, and of every pod that a workload would make, by namespace."""
        found: dict[str, list[Mapping[str, str]]] = defaultdict(list)
        snapshot = self._facts.snapshot
        for pod in snapshot.pods:
            found[pod.metadata.namespace].append(pod.metadata.labels)
        for item in (*snapshot.deployments, *snapshot.statefulsets, *snapshot.daemonsets):
            found[item.metadata.namespace].append(item.spec.template.metadata.labels)
        return found

    @cached_property
    def _endpoints(self) -> dict[Key, list[EndpointSlice]]:
        found: dict[Key, list[EndpointSlice]] = defaultdict(list)
        for item in self._facts.all(EndpointSlice):
            found[item.metadata.namespace, item.metadata.labels.get(SERVICE_LABEL, "")].append(item)
        return found

    def of(self, pod: Pod) -> tuple[Service, ...]:
        """The Services whose selector matches a pod."""
        here = self._by_namespace.get(pod.metadata.namespace, ())
        return tuple(item for item in here if selects(item, pod.metadata.labels))

    def nowhere(self, namespace: str) -> tuple[Service, ...]:
        """The Services of a namespace that select no pod there is, and none that a workload would make."""
        return self._nowhere.get(namespace, ())

    @cached_property
    def _nowhere(self) -> dict[str, tuple[Service, ...]]:
        return {
            namespace: tuple(item for item in services if self._leads_nowhere(item))
            for namespace, services in self._by_namespace.items()
        }

    def _leads_nowhere(self, service: Service) -> bool:
        here = self._labels.get(service.metadata.namespace, ())
        if service.spec.type == "ExternalName" or not service.spec.selector:
            return False
        return not self.addresses(service) and not any(selects(service, labels) for labels in here)

    def slices(self, service: Service) -> tuple[EndpointSlice, ...] | None:
        """Its EndpointSlices; None where those were not read."""
        if not self._facts.snapshot.source(Source.ENDPOINT_SLICES).usable:
            return None
        return tuple(self._endpoints.get((service.metadata.namespace, service.metadata.name), ()))

    def addresses(self, service: Service) -> int:
        """How many addresses its EndpointSlices hold, ready or not; 0 also where they were not read."""
        return sum(len(item.endpoints) for item in self.slices(service) or ())

    @cached_property
    def clients(self) -> dict[Key, tuple[Pod, ...]]:
        """Pods that run and are told the address of a Service, by its namespace and name: one of each set of labels."""
        found: dict[Key, dict[Alike, Pod]] = defaultdict(dict)
        for pod in self._facts.snapshot.pods:
            if pod.status.phase != "Running":
                continue
            for key in set(_named(pod)):
                found[key].setdefault(_labels_of(pod), pod)
        return {key: tuple(pods.values()) for key, pods in found.items()}


def selects(service: Service, labels: Mapping[str, str]) -> bool:
    selector = service.spec.selector
    return bool(selector) and selector.items() <= labels.items()


def _labels_of(pod: Pod) -> Alike:
    """What policies know a pod by: its namespace and its labels, but for those that a controller gives each pod."""
    labels = ((key, value) for key, value in pod.metadata.labels.items() if key not in _OF_EACH)
    return pod.metadata.namespace, frozenset(labels)


def _named(pod: Pod) -> Iterable[Key]:
    """The Services in the environment and the arguments of a pod's containers."""
    for container in pod.spec.containers:
        texts = (*(item.value for item in container.env), *container.command, *container.args)
        for match in (match for text in texts if "//" in text for match in _ADDRESS.finditer(text)):
            yield match[2] or pod.metadata.namespace, match[1]


# --- ports ------------------------------------------------------------------------------------------------


class Listening(msgspec.Struct, frozen=True):
    """The ports that something in a pod is known to listen on, and how the server's own are known."""

    server: frozenset[int]
    others: frozenset[int]
    how: str
    certain: bool

    def has(self, port: int) -> bool:
        return port in self.server or port in self.others


def listening(replica: Replica) -> Listening | None:
    """What a ready pod listens on: by its log, by the probe that it passes, by its arguments; None when not known."""
    others = frozenset(
        port.container_port for item in _containers(replica.pod) if item is not replica.container for port in item.ports
    )
    log = replica.log
    if log is not None and log.listening_port is not None:
        return Listening(frozenset({log.listening_port}), others, f"port {log.listening_port} by its log", certain=True)
    probed = _probed(replica)
    if probed is not None and probed not in others:
        return Listening(frozenset({probed}), others, f"port {probed}, where it passes its probe", certain=True)
    port = replica.args.port
    if replica.args.line is None or _is_guessed(replica, port):
        return None
    return Listening(frozenset({port}), others, f"port {port} by its arguments", certain=False)


def _is_guessed(replica: Replica, port: int) -> bool:
    """Whether a port is vLLM's usual one, of a program that may be another and that declares ports of its own."""
    declared = {item.container_port for item in replica.container.ports}
    words = f"{replica.container.image} {replica.args.line}"
    return bool(declared) and port not in declared and "vllm" not in words and "--port" not in words


def _containers(pod: Pod) -> tuple[Container, ...]:
    """The containers that run beside each other: sidecars count."""
    return (*pod.spec.containers, *(item for item in pod.spec.init_containers if item.restart_policy == "Always"))


def _probed(replica: Replica) -> int | None:
    """The port of the readiness probe that a ready server passes: one of its own, not that of a mesh's agent."""
    probe: Probe | None = replica.container.readiness_probe
    if probe is None or probe.http_get is None:
        return None
    port = target(replica.pod, ServicePort(target_port=probe.http_get.port))
    return port if port in {replica.args.port, *(item.container_port for item in replica.container.ports)} else None


def target(pod: Pod, port: ServicePort) -> int | None:
    """The pod's port that a Service's port leads to; None when it is a name that no container of the pod has."""
    wanted = port.target_port or port.port
    if isinstance(wanted, int):
        return wanted
    if wanted.isdigit():
        return int(wanted)
    named = (item for container in _containers(pod) for item in container.ports)
    return next((item.container_port for item in named if item.name == wanted and item.protocol == port.protocol), None)
