"""Recomputes scheduling from the objects: for each node, everything that keeps a pod away.

The scheduler stops at a node's first obstacle, so its message hides the second; here every filter is asked of every
node. The filters are in vops.diagnosis.placement.filters. Not recomputed, only recognised in the scheduler's words: how
many volumes a node may attach, storage capacity, and whether unallocated devices satisfy a claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cached_property

import msgspec

from vops.diagnosis.placement.demands import is_gpu, pod_requests
from vops.diagnosis.placement.filters.devices import DeviceBlock, DeviceConflict, Devices
from vops.diagnosis.placement.filters.node_affinity import Mismatch, mismatches, selects_nodes
from vops.diagnosis.placement.filters.pod_affinity import PodAffinity, Repellers, Repulsion
from vops.diagnosis.placement.filters.rooms import NOTHING, Room, Shortfall, host_ports
from vops.diagnosis.placement.filters.spread import Skew, Spread
from vops.diagnosis.placement.filters.taints import tolerable, unavailable, untolerated
from vops.diagnosis.placement.filters.volumes import ClaimBlock, Storage, VolumeConflict
from vops.diagnosis.placement.scheduler_text import Obstacle, SchedulerText, scheduler_text
from vops.model.pods import Pod
from vops.model.resources import Node, Taint

_ROOM = frozenset({Obstacle.RESOURCE, Obstacle.PODS, Obstacle.PORTS, Obstacle.POD_AFFINITY, Obstacle.SPREAD})
"""What depends on the pods that are on a node, and may pass when one of them goes."""


class Surroundings(msgspec.Struct, frozen=True):
    """What placement looks at besides the pod; made once for a snapshot."""

    rooms: Mapping[str, Room]
    repellers: Repellers
    storage: Storage
    devices: Devices


class NodeFit(msgspec.Struct, frozen=True, dict=True):
    """Everything that keeps the pod away from one node; nothing at all when it fits."""

    node: Node
    unavailable: str = ""
    taints: tuple[Taint, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    short: tuple[Shortfall, ...] = ()
    full: bool = False
    ports: tuple[tuple[int, Pod], ...] = ()
    volumes: tuple[VolumeConflict, ...] = ()
    repulsions: tuple[Repulsion, ...] = ()
    skews: tuple[Skew, ...] = ()
    devices: tuple[DeviceConflict, ...] = ()

    @property
    def name(self) -> str:
        return self.node.metadata.name

    @property
    def allowed(self) -> bool:
        """Whether the node could take the pod if only it had room."""
        return self.obstacles <= _ROOM

    @property
    def short_of_gpu(self) -> bool:
        return any(is_gpu(item.resource) for item in self.short)

    @property
    def short_of_other(self) -> tuple[Shortfall, ...]:
        return tuple(item for item in self.short if not is_gpu(item.resource))

    @cached_property
    def obstacles(self) -> frozenset[Obstacle]:
        """The kinds of thing that keep the pod away."""
        present = {
            Obstacle.UNAVAILABLE: self.unavailable,
            Obstacle.TAINT: self.taints,
            Obstacle.SELECTOR: self.mismatches,
            Obstacle.RESOURCE: self.short,
            Obstacle.PODS: self.full,
            Obstacle.PORTS: self.ports,
            Obstacle.VOLUME: self.volumes,
            Obstacle.POD_AFFINITY: self.repulsions,
            Obstacle.SPREAD: self.skews,
            Obstacle.CLAIM: self.devices,
        }
        return frozenset(kind for kind, there in present.items() if there)


class Placement:
    """One pod against every node; `said` is what the scheduler says of it, where it has said anything."""

    def __init__(self, pod: Pod, around: Surroundings, said: str = "") -> None:
        self.pod = pod
        self.wanted = dict(sorted(pod_requests(pod.spec).items()))
        self.around = around
        self._said = said

    @cached_property
    def fits(self) -> tuple[NodeFit, ...]:
        """Each node with everything that keeps the pod away from it."""
        return tuple(self._fit(room) for room in self.around.rooms.values())

    @cached_property
    def gpu_resource(self) -> str:
        """The GPU resource that the pod asks for; empty when it asks for none."""
        return next((name for name in self.wanted if is_gpu(name)), "")

    @property
    def gpus(self) -> int:
        return int(self.wanted.get(self.gpu_resource, NOTHING))

    @cached_property
    def meant(self) -> tuple[NodeFit, ...]:
        """The nodes that the pod picks by their labels; every node where it picks none."""
        return tuple(fit for fit in self.fits if not fit.mismatches)

    @property
    def picks_nodes(self) -> bool:
        return selects_nodes(self.pod.spec)

    @cached_property
    def large_enough(self) -> tuple[NodeFit, ...]:
        """Nodes with as many GPUs as the pod asks for, free or not (every node when it asks for none)."""
        resource, wanted = self.gpu_resource, self.gpus
        return tuple(fit for fit in self.fits if self.offered(fit.node, resource) >= wanted)

    @cached_property
    def allowed(self) -> tuple[NodeFit, ...]:
        """Those of `large_enough` that only lack room."""
        return tuple(fit for fit in self.large_enough if fit.allowed)

    @cached_property
    def nearest(self) -> tuple[NodeFit, ...]:
        """The nodes that it takes least to make fit: those that only lack room, else those with the least to change.

        Where the pod picks nodes by their labels, and one of them would do, no other node is what is asked for.
        """
        meant = tuple(fit for fit in self.large_enough if self.picks_nodes and not fit.mismatches)
        candidates = self.allowed or meant or self.large_enough
        distances = [_distance(fit) for fit in candidates]
        best = min(distances, default=None)
        return tuple(fit for fit, distance in zip(candidates, distances, strict=True) if distance == best)

    @cached_property
    def fitting(self) -> tuple[NodeFit, ...]:
        """The nodes with nothing in the way that could be seen."""
        return tuple(fit for fit in self.fits if not fit.obstacles)

    @cached_property
    def places(self) -> int:
        """How many such pods would find a place now, as far as resources go; of those that ask for none, one a node."""
        return sum(
            min((int(self.free(fit.node, name) // amount) for name, amount in self.wanted.items() if amount), default=1)
            for fit in self.fitting
        )

    @cached_property
    def claim_blocks(self) -> tuple[ClaimBlock, ...]:
        """The volume claims that rule out every node."""
        return self.around.storage.blocks(self.pod)

    @cached_property
    def device_blocks(self) -> tuple[DeviceBlock, ...]:
        """The device claims that rule out every node."""
        return self.around.devices.blocks(self.pod)

    @cached_property
    def scheduler(self) -> SchedulerText | None:
        """What the scheduler says, taken apart; None when it has said nothing yet."""
        return scheduler_text(self._said) if self._said else None

    @property
    def partial(self) -> bool:
        """Whether the scheduler counts more nodes than were seen here."""
        said = self.scheduler
        return said is not None and said.nodes is not None and said.nodes > len(self.fits)

    @cached_property
    def unchecked(self) -> tuple[str, ...]:
        """What the pod asks for and could not be recomputed."""
        spec, storage = self.pod.spec, self.around.storage
        volumes = any(volume.persistent_volume_claim or volume.ephemeral is not None for volume in spec.volumes)
        asked = {
            "inter-pod affinity": self._pod_affinity.undecided,
            "volumes": volumes and not (storage.readable and storage.volumes_readable and storage.classes_readable),
            "device claims": bool(spec.resource_claims),
        }
        return tuple(name for name, there in asked.items() if there)

    @cached_property
    def constraints(self) -> tuple[str, ...]:
        """What decides where the pod may go besides nodes' labels, taints and room: other pods and volumes."""
        spec = self.pod.spec
        asked = {
            "inter-pod affinity": bool({"podAffinity", "podAntiAffinity"} & spec.affinity.keys()),
            "topology spread": bool(spec.topology_spread_constraints),
            "host ports": any(port.host_port for container in spec.containers for port in container.ports),
            "volumes": any(volume.persistent_volume_claim for volume in spec.volumes),
        }
        return tuple(name for name, there in asked.items() if there)

    def holders(self, node: str, resource: str) -> tuple[Pod, ...]:
        """The pods that hold a resource on a node, the largest share first."""
        shares = [(pod_requests(pod.spec).get(resource, Decimal()), pod) for pod in self.around.rooms[node].pods]
        held = sorted((item for item in shares if item[0] > 0), key=lambda item: (-item[0], item[1].metadata.name))
        return tuple(pod for _, pod in held)

    def offered(self, node: Node, resource: str) -> Decimal:
        """How much of a resource a node offers to pods; 0 when it does not advertise it."""
        return self.around.rooms[node.metadata.name].allocatable.get(resource, NOTHING)

    def free(self, node: Node, resource: str) -> Decimal:
        """How much of it nobody holds."""
        return self.around.rooms[node.metadata.name].free(resource)

    @cached_property
    def _pod_affinity(self) -> PodAffinity:
        return PodAffinity(self.pod, self.around.rooms, self.around.repellers)

    @cached_property
    def _spread(self) -> Spread:
        return Spread(self.pod, self.around.rooms)

    @cached_property
    def _ports(self) -> tuple[tuple[str, str, int], ...]:
        return host_ports(self.pod)

    def _fit(self, room: Room) -> NodeFit:
        spec, node = self.pod.spec, room.node
        return NodeFit(
            node=node,
            unavailable=unavailable(node, spec.tolerations),
            taints=untolerated(node, spec.tolerations),
            mismatches=mismatches(node, spec),
            short=room.shortfalls(self.wanted),
            full=room.full,
            ports=room.clashes(self._ports) if self._ports else (),
            volumes=self.around.storage.conflicts(self.pod, node),
            repulsions=self._pod_affinity.repulsions(node),
            skews=self._spread.skews(node),
            devices=self.around.devices.conflicts(self.pod, node),
        )


def _distance(fit: NodeFit) -> tuple[bool, int, int]:
    """How far a node is from fitting: unavailable nodes last, then by the number of obstacles and what each costs."""
    kinds = fit.obstacles - {Obstacle.UNAVAILABLE}
    return bool(fit.unavailable), len(kinds), sum(_weight(fit, kind) for kind in kinds)


_WEIGHTS = {Obstacle.SELECTOR: 4, Obstacle.VOLUME: 5, Obstacle.CLAIM: 5}


def _weight(fit: NodeFit, obstacle: Obstacle) -> int:
    """A toleration is cheap, room may come, other hardware is a decision that somebody has to take."""
    match obstacle:
        case Obstacle.TAINT:
            return _taint_weight(fit.taints)
        case Obstacle.RESOURCE:
            return 3 if fit.short_of_gpu else 2
        case _:
            return _WEIGHTS.get(obstacle, 2)


def _taint_weight(taints: Iterable[Taint]) -> int:
    if not all(tolerable(taint) for taint in taints):
        return 9
    return 6 if any(taint.key.startswith("node-role.kubernetes.io/") for taint in taints) else 1
