"""Recomputes scheduling from Node and Pod objects: for each node, everything that keeps a pod away.

The scheduler stops at a node's first obstacle, so its message hides the second; here every filter is asked of every
node. Covered: cordons and readiness, taints, node selector and affinity, every resource, the number of pods. Not
recomputed, only recognised: inter-pod affinity, topology spread, host ports, volumes, resource claims.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

import msgspec

from vops.diagnosis.demands import Amounts, amounts, is_gpu, pod_requests
from vops.diagnosis.scheduler_text import Obstacle, SchedulerText, scheduler_text
from vops.diagnosis.states import is_terminal
from vops.model.resources import Node, Pod, Taint, Toleration

_NEVER_TOLERATED = (
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
    "karpenter.sh/",
    "cloud.google.com/gke-spot",
    "cloud.google.com/gke-preemptible",
    "cloud.google.com/impending-node-termination",
    "kubernetes.azure.com/scalesetpriority",
    "eks.amazonaws.com/capacityType",
    "aws-node-termination-handler/",
)
"""Taints that say a node is broken, leaving or reclaimable: tolerating them is never a fix."""

_NOTHING = Decimal()
_UNAVAILABLE = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "ToBeDeletedByClusterAutoscaler")


class Mismatch(msgspec.Struct, frozen=True):
    """One label requirement that a node does not meet: what is asked, and what the node has ("" for nothing)."""

    key: str
    wanted: str
    has: str


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


class NodeFit(msgspec.Struct, frozen=True):
    """Everything that keeps the pod away from one node; nothing at all when it fits."""

    node: Node
    unavailable: str = ""
    taints: tuple[Taint, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    short: tuple[Shortfall, ...] = ()
    full: bool = False

    @property
    def name(self) -> str:
        return self.node.metadata.name

    @property
    def allowed(self) -> bool:
        """Whether the node could take the pod if only it had room."""
        return not (self.unavailable or self.taints or self.mismatches)

    @property
    def short_of_gpu(self) -> bool:
        return any(is_gpu(item.resource) for item in self.short)

    @property
    def short_of_other(self) -> tuple[Shortfall, ...]:
        return tuple(item for item in self.short if not is_gpu(item.resource))

    @property
    def obstacles(self) -> frozenset[Obstacle]:
        """The kinds of thing that keep the pod away."""
        present = {
            Obstacle.UNAVAILABLE: bool(self.unavailable),
            Obstacle.TAINT: bool(self.taints),
            Obstacle.SELECTOR: bool(self.mismatches),
            Obstacle.RESOURCE: bool(self.short),
            Obstacle.PODS: self.full,
        }
        return frozenset(kind for kind, there in present.items() if there)


class Room(msgspec.Struct, frozen=True):
    """One node as every pod finds it: what it offers, what is held of it, and by whom."""

    node: Node
    allocatable: Amounts
    used: Amounts
    pods: tuple[Pod, ...]

    @property
    def full(self) -> bool:
        """Whether it has as many pods as it may."""
        most = self.allocatable.get("pods")
        return most is not None and len(self.pods) >= most

    def free(self, resource: str) -> Decimal:
        return self.allocatable.get(resource, _NOTHING) - self.used.get(resource, _NOTHING)


class Placement:
    """One pod against every node."""

    def __init__(self, pod: Pod, rooms: Mapping[str, Room]) -> None:
        self.pod = pod
        self.wanted = dict(sorted(pod_requests(pod.spec).items()))
        self._rooms = rooms

    @cached_property
    def fits(self) -> tuple[NodeFit, ...]:
        """Each node with everything that keeps the pod away from it."""
        return tuple(self._fit(room) for room in self._rooms.values())

    @cached_property
    def gpu_resource(self) -> str:
        """The GPU resource that the pod asks for; empty when it asks for none."""
        return next((name for name in self.wanted if is_gpu(name)), "")

    @property
    def gpus(self) -> int:
        return int(self.wanted.get(self.gpu_resource, _NOTHING))

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
        """The nodes that it takes least to make fit: those that only lack room, else those with the least to change."""
        candidates = self.allowed or self.large_enough
        distances = [_distance(fit) for fit in candidates]
        best = min(distances, default=None)
        return tuple(fit for fit, distance in zip(candidates, distances, strict=True) if distance == best)

    @cached_property
    def scheduler(self) -> SchedulerText | None:
        """What the scheduler says, taken apart; None when it has said nothing yet."""
        condition = self.pod.condition("PodScheduled")
        if condition is None or condition.status == "True" or not condition.message:
            return None
        return scheduler_text(condition.message)

    @cached_property
    def unchecked(self) -> tuple[str, ...]:
        """What the pod asks for and this does not recompute."""
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
        shares = [(pod_requests(pod.spec).get(resource, Decimal()), pod) for pod in self._rooms[node].pods]
        held = sorted((item for item in shares if item[0] > 0), key=lambda item: (-item[0], item[1].metadata.name))
        return tuple(pod for _, pod in held)

    def offered(self, node: Node, resource: str) -> Decimal:
        """How much of a resource a node offers to pods; 0 when it does not advertise it."""
        return self._rooms[node.metadata.name].allocatable.get(resource, _NOTHING)

    def free(self, node: Node, resource: str) -> Decimal:
        """How much of it nobody holds."""
        return self._rooms[node.metadata.name].free(resource)

    def _fit(self, room: Room) -> NodeFit:
        spec, node = self.pod.spec, room.node
        taints = tuple(taint for taint in node.spec.taints if blocks(taint, spec.tolerations))
        return NodeFit(
            node=node,
            unavailable=_unavailable(node, spec.tolerations),
            taints=tuple(taint for taint in taints if not taint.key.startswith(_UNAVAILABLE)),
            mismatches=(*_selector_mismatches(node, spec.node_selector), *_affinity_mismatches(node, spec.affinity)),
            short=tuple(self._shortfalls(room)),
            full=room.full,
        )

    def _shortfalls(self, room: Room) -> Iterable[Shortfall]:
        for resource, wanted in self.wanted.items():
            free = room.free(resource)
            if wanted > free:
                yield Shortfall(resource, wanted, max(free, _NOTHING), room.allocatable.get(resource, _NOTHING))


def _distance(fit: NodeFit) -> tuple[bool, int, int]:
    """How far a node is from fitting: unavailable nodes last, then by the number of obstacles and what each costs."""
    kinds = fit.obstacles - {Obstacle.UNAVAILABLE}
    return bool(fit.unavailable), len(kinds), sum(_weight(fit, kind) for kind in kinds)


def _weight(fit: NodeFit, obstacle: Obstacle) -> int:
    """A toleration is cheap, room may come, other hardware is a decision that somebody has to take."""
    match obstacle:
        case Obstacle.TAINT:
            return 1 if all(tolerable(taint) for taint in fit.taints) else 9
        case Obstacle.RESOURCE:
            return 3 if fit.short_of_gpu else 2
        case Obstacle.SELECTOR:
            return 4
        case _:
            return 2


def rooms(nodes: Iterable[Node], pods: Iterable[Pod]) -> dict[str, Room]:
    """Every node by name, with what the pods on it hold that have not ended."""
    held: dict[str, list[Pod]] = defaultdict(list)
    for pod in pods:
        if pod.spec.node_name and not is_terminal(pod):
            held[pod.spec.node_name].append(pod)
    found = {}
    for node in nodes:
        here = tuple(held.get(node.metadata.name, ()))
        used = _sum(pod_requests(pod.spec) for pod in here)
        found[node.metadata.name] = Room(node, amounts(node.status.allocatable), used, here)
    return found


def capacity(node: Node, resource: str) -> Decimal:
    """How much of a resource a node has, healthy or not."""
    return amounts({resource: node.status.capacity.get(resource, "0")}).get(resource, Decimal())


def tolerable(taint: Taint) -> bool:
    """Whether tolerating a taint can be a fix, and not a way to land on a node that is broken or about to go."""
    return not taint.key.startswith(_NEVER_TOLERATED)


def blocks(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    """Whether a taint keeps a pod with these tolerations from being scheduled."""
    if taint.effect not in ("NoSchedule", "NoExecute"):
        return False
    return not any(tolerates(toleration, taint) for toleration in tolerations)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Kubernetes' own rule: no effect means any, no key with Exists means every taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    if toleration.operator in ("Gt", "Lt"):
        return bool(toleration.key) and _compare(toleration.operator, taint.value, toleration.value)
    return bool(toleration.key) and toleration.value == taint.value


def _unavailable(node: Node, tolerations: Iterable[Toleration]) -> str:
    """Why a node takes no pods at all at present; empty when it does."""
    cordon = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")
    if node.spec.unschedulable and blocks(cordon, tolerations):
        return "cordoned"
    taint = next((item for item in node.spec.taints if item.key.startswith(_UNAVAILABLE)), None)
    if taint is not None and blocks(taint, tolerations):
        return taint.key.rpartition("/")[2]
    ready = next((item for item in node.status.conditions if item.type == "Ready"), None)
    return "not-ready" if ready is not None and ready.status != "True" else ""


def _selector_mismatches(node: Node, selector: Mapping[str, str]) -> tuple[Mismatch, ...]:
    labels = node.metadata.labels
    return tuple(
        Mismatch(key, wanted, labels.get(key, ""))
        for key, wanted in sorted(selector.items())
        if labels.get(key) != wanted
    )


def _affinity_mismatches(node: Node, affinity: Mapping[str, Any]) -> tuple[Mismatch, ...]:
    """What the node lacks for the required term that it comes closest to; terms are alternatives."""
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return ()
    terms = required.get("nodeSelectorTerms") or []
    failed = [_term_mismatches(node, term) for term in terms]
    if not failed:
        return (Mismatch("nodeSelectorTerms", "a term", ""),)
    return min(failed, key=len)


def _term_mismatches(node: Node, term: Mapping[str, Any]) -> tuple[Mismatch, ...]:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return (Mismatch("nodeSelectorTerms", "a term that is not empty", ""),)
    known = {"metadata.name": node.metadata.name}
    found = [_unmet(item, node.metadata.labels) for item in expressions] + [_unmet(item, known) for item in fields]
    return tuple(item for item in found if item is not None)


def _unmet(expression: Mapping[str, Any], labels: Mapping[str, str]) -> Mismatch | None:
    key, operator = str(expression.get("key", "")), str(expression.get("operator", ""))
    values = [str(value) for value in expression.get("values") or ()]
    has = labels.get(key)
    if _matches(operator, has, values):
        return None
    wanted = ", ".join(values) if operator == "In" else " ".join([operator, ", ".join(values)]).strip()
    return Mismatch(key, wanted, has or "")


def _matches(operator: str, has: str | None, values: list[str]) -> bool:
    match operator:
        case "In":
            return has is not None and has in values
        case "NotIn":
            return has is None or has not in values
        case "Exists":
            return has is not None
        case "DoesNotExist":
            return has is None
        case "Gt" | "Lt":
            return has is not None and len(values) == 1 and _compare(operator, has, values[0])
        case _:
            return False


def _compare(operator: str, has: str, wanted: str) -> bool:
    try:
        left, right = int(Decimal(has)), int(Decimal(wanted))
    except (InvalidOperation, ValueError, OverflowError):
        return False
    return left > right if operator == "Gt" else left < right


def _sum(several: Iterable[Amounts]) -> Amounts:
    total: Amounts = defaultdict(Decimal)
    for one in several:
        for name, amount in one.items():
            total[name] += amount
    return dict(total)
