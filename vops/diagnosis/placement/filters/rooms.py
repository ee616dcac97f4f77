"""Room on nodes: what each offers, what is held of it and by whom, and which host ports are taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property

import msgspec

from vops.diagnosis.placement.demands import Amounts, amounts, pod_requests
from vops.diagnosis.states import is_terminal
from vops.model.pods import Container, Pod
from vops.model.resources import Node

NOTHING = Decimal()
_ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - addresses that pods ask for, none that is bound here

HostPort = tuple[str, str, int]
"""Address, protocol and port on a node."""


class Shortfall(msgspec.Struct, frozen=True):
    """A resource of which a node has too little: what is wanted, free and allocatable on it."""

    resource: str
    wanted: Decimal
    free: Decimal
    allocatable: Decimal

    @property
    def hopeless(self) -> bool:
        """Whether even the empty node would have too little."""
        return self.wanted > self.allocatable


class Room:
    """One node as every pod finds it: what it offers, what is held of it, and by whom."""

    def __init__(self, node: Node, pods: tuple[Pod, ...]) -> None:
        self.node = node
        self.pods = pods

    @cached_property
    def allocatable(self) -> Amounts:
        return amounts(self.node.status.allocatable)

    @cached_property
    def used(self) -> Amounts:
        """What the pods on the node hold together."""
        total: dict[str, Decimal] = {}
        for pod in self.pods:
            for name, amount in pod_requests(pod.spec).items():
                total[name] = total.get(name, NOTHING) + amount
        return total

    @cached_property
    def host_ports(self) -> dict[HostPort, Pod]:
        """Who has which port of the node."""
        return {port: pod for pod in self.pods for port in host_ports(pod)}

    @cached_property
    def leaving(self) -> tuple[Pod, ...]:
        """The pods that were asked to end."""
        return tuple(pod for pod in self.pods if pod.metadata.deletion_timestamp is not None)

    @property
    def full(self) -> bool:
        """Whether it has as many pods as it may."""
        most = self.allocatable.get("pods")
        return most is not None and len(self.pods) >= most

    def free(self, resource: str) -> Decimal:
        return self.allocatable.get(resource, NOTHING) - self.used.get(resource, NOTHING)

    def shortfalls(self, wanted: Amounts) -> tuple[Shortfall, ...]:
        """The resources of which it has too little for a pod that wants these."""
        return tuple(
            Shortfall(resource, amount, max(free, NOTHING), self.allocatable.get(resource, NOTHING))
            for resource, amount in wanted.items()
            if amount > (free := self.free(resource))
        )

    def clashes(self, ports: Iterable[HostPort]) -> tuple[tuple[int, Pod], ...]:
        """The host ports that others have already, with the pod that has them."""
        return tuple(
            (port[2], pod) for port in ports for taken, pod in self.host_ports.items() if _same_port(port, taken)
        )


def rooms(nodes: Iterable[Node], pods: Iterable[Pod]) -> dict[str, Room]:
    """Every node by name, with the pods on it that have not ended."""
    held: dict[str, list[Pod]] = defaultdict(list)
    for pod in pods:
        if pod.spec.node_name and not is_terminal(pod):
            held[pod.spec.node_name].append(pod)
    return {node.metadata.name: Room(node, tuple(held.get(node.metadata.name, ()))) for node in nodes}


def capacity(node: Node, resource: str) -> Decimal:
    """How much of a resource a node has, healthy or not."""
    return amounts({resource: node.status.capacity.get(resource, "0")}).get(resource, NOTHING)


def host_ports(pod: Pod) -> tuple[HostPort, ...]:
    """The ports of its node that a pod takes; sidecars take theirs as well."""
    sidecars = (item for item in pod.spec.init_containers if item.restart_policy == "Always")
    return tuple(port for container in (*pod.spec.containers, *sidecars) for port in _of_container(container))


def _of_container(container: Container) -> Iterable[HostPort]:
    for port in container.ports:
        if port.host_port:
            yield (port.host_ip, port.protocol or "TCP", port.host_port)


def _same_port(ours: HostPort, theirs: HostPort) -> bool:
    anywhere = ours[0] in _ANYWHERE or theirs[0] in _ANYWHERE
    return ours[1:] == theirs[1:] and (anywhere or ours[0] == theirs[0])
