"""GPU nodes as rows: what each offers, who holds it, how its GPUs do, and how much of them nobody uses.

Also the pods that wait for a GPU, with who will bring a node for them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from vops.diagnosis.facts import Facts, Replica, gpu_product
from vops.diagnosis.placement.demands import gpu_request, is_gpu
from vops.diagnosis.placement.filters.rooms import Room
from vops.diagnosis.provisioning.outcomes import Outcome, Provisioning
from vops.diagnosis.states import ReplicaState
from vops.model.known import known, mean
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import Node
from vops.model.serving import GpuSample
from vops.model.snapshot import Source
from vops.render import units
from vops.render.fleet_facts import is_stale
from vops.render.text import Span

UNUSED_BELOW = 0.05
"""A GPU that is held and less busy than this is reserved for nothing."""
MOST_PENDING = 20

_SHARING = "nvidia.com/gpu.sharing-strategy"
_REPLICAS = "nvidia.com/gpu.replicas"


class GpuRow(msgspec.Struct, frozen=True, gc=False):
    """One GPU (or MIG instance) as DCGM sees it; None is unknown."""

    index: str
    model: str
    holder: str
    utilisation: float | None
    memory_used_mib: float | None
    memory_total_mib: float | None
    temperature_c: float | None
    power_w: float | None
    xid: float | None


class NodeRow(msgspec.Struct, frozen=True, gc=False):
    """One node with GPUs. `gpus`, `held`, `free` count what pods may ask for; `sharing` says when that is no card."""

    node: str
    uid: str
    state: str
    product: str
    resource: str
    gpus: int
    held: int
    holders: tuple[tuple[str, int], ...]
    sharing: str
    utilisation: float | None
    memory: float | None
    temperature_c: float | None
    power_w: float | None
    xid: float | None
    unused: int | None
    """Held GPUs that do nothing; None where no exporter tells."""
    stale: bool
    details: tuple[GpuRow, ...] = ()
    idle_h: float | None = None
    unused_h: float | None = None
    """GPU-hours, while vops looked, that nobody held, and that were held for nothing."""
    price_per_h: float | None = None

    @property
    def key(self) -> str:
        return self.uid or self.node

    @property
    def ref(self) -> Ref:
        return Ref("Node", self.node, "", self.uid)

    @property
    def free(self) -> int:
        return max(0, self.gpus - self.held)

    @property
    def dim(self) -> bool:
        return self.stale

    @property
    def remark(self) -> Span | None:
        return None


class PendingRow(msgspec.Struct, frozen=True, gc=False):
    """One pod that waits for a GPU, and who will bring a node for it."""

    pod: str
    namespace: str
    uid: str
    gpus: int
    waits_s: float | None
    why: str
    node_comes: str

    @property
    def ref(self) -> Ref:
        return Ref("Pod", self.pod, self.namespace, self.uid)


class NodesView(NamedTuple):
    """What the nodes' screen shows of one instant."""

    nodes: tuple[NodeRow, ...] = ()
    pending: tuple[PendingRow, ...] = ()
    readable: bool = True


def nodes_view(facts: Facts) -> NodesView:
    """Every node with GPUs, and every pod that waits for one."""
    readable = facts.snapshot.source(Source.NODES).usable
    return NodesView(node_rows(facts), pending_rows(facts), readable)


def node_rows(facts: Facts) -> tuple[NodeRow, ...]:
    """Every node that has GPUs or should have."""
    seen: dict[str, list[GpuSample]] = defaultdict(list)
    for gpu in facts.snapshot.gpus:
        seen[gpu.node].append(gpu)
    stale = is_stale(facts.snapshot.source(Source.NODES))
    with_gpus = (room for room in facts.rooms.values() if _resource(room.node) or gpu_product(room.node))
    return tuple(_node_row(room, seen.get(room.node.metadata.name, ()), stale=stale) for room in with_gpus)


def _node_row(room: Room, seen: Sequence[GpuSample], *, stale: bool) -> NodeRow:
    node, resource = room.node, _resource(room.node)
    holders = Counter({_holder(pod): gpu_request(pod) for pod in room.pods if gpu_request(pod)})
    details = tuple(sorted((_gpu_row(gpu) for gpu in seen), key=lambda row: (len(row.index), row.index)))
    held = int(room.used.get(resource, Decimal()))
    return NodeRow(
        node=node.metadata.name,
        uid=node.metadata.uid,
        state=node_state(node),
        product=gpu_product(node) or next((row.model for row in details), ""),
        resource=resource,
        gpus=int(room.allocatable.get(resource, Decimal())),
        held=held,
        holders=tuple(holders.most_common()),
        sharing=_shared(node, resource),
        utilisation=mean([row.utilisation for row in details]),
        memory=_memory(details),
        temperature_c=max(known([row.temperature_c for row in details]), default=None),
        power_w=sum(known([row.power_w for row in details])) if any(row.power_w for row in details) else None,
        xid=max((row.xid for row in details if row.xid), default=0.0 if _told_xid(details) else None),
        unused=_unused(details, held),
        stale=stale,
        details=details,
    )


def _resource(node: Node) -> str:
    """The GPU resource of a node of which it has the most."""
    amounts = {name: amount for name, amount in node.status.allocatable.items() if is_gpu(name)}
    whole = {name: int(amount) for name, amount in amounts.items() if amount.isdigit()}
    return max(whole, key=lambda name: (whole[name], name), default="")


def node_state(node: Node) -> str:
    """`ready`, or what is the matter with a node."""
    ready = next((item for item in node.status.conditions if item.type == "Ready"), None)
    if ready is not None and ready.status != "True":
        return "not ready" if ready.status == "False" else "lost"
    return "cordoned" if node.spec.unschedulable else "ready"


def _holder(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _shared(node: Node, resource: str) -> str:
    """How cards are shared out: MIG instances, time slices, or not at all (empty)."""
    labels = node.metadata.labels
    if "/mig-" in resource:
        return f"MIG {resource.rpartition('/mig-')[2]}"
    strategy, replicas = labels.get(_SHARING, ""), labels.get(_REPLICAS, "")
    if strategy in ("time-slicing", "mps") or (replicas.isdigit() and int(replicas) > 1):
        return f"{strategy or 'time-slicing'}{f' ×{replicas}' if replicas else ''}"
    return ""


def _gpu_row(gpu: GpuSample) -> GpuRow:
    return GpuRow(
        gpu.index,
        gpu.model,
        f"{gpu.namespace}/{gpu.pod}" if gpu.pod else "",
        gpu.utilisation,
        gpu.memory_used_mib,
        gpu.memory_total_mib,
        gpu.temperature_c,
        gpu.power_w,
        gpu.xid,
    )


def _memory(details: Sequence[GpuRow]) -> float | None:
    """The share of the cards' memory that is in use."""
    known = [row for row in details if row.memory_total_mib and row.memory_used_mib is not None]
    total = sum(row.memory_total_mib or 0.0 for row in known)
    return sum(row.memory_used_mib or 0.0 for row in known) / total if total else None


def _told_xid(details: Sequence[GpuRow]) -> bool:
    return any(row.xid is not None for row in details)


def _unused(details: Sequence[GpuRow], held: int) -> int | None:
    """GPUs that pods hold and leave alone; None where the exporter does not say who holds them."""
    told = [row for row in details if row.holder and row.utilisation is not None]
    if not told:
        return 0 if not held else None
    return sum((row.utilisation or 0.0) < UNUSED_BELOW for row in told)


# --- pods that wait ---------------------------------------------------------------------------------------


def pending_rows(facts: Facts) -> tuple[PendingRow, ...]:
    """The first pods that ask for GPUs and have no node, the longest waiting first."""
    waiting = [
        pod
        for pod in facts.snapshot.pods
        if not pod.spec.node_name and pod.status.phase == "Pending" and gpu_request(pod)
    ]
    waiting.sort(key=lambda pod: pod.metadata.creation_timestamp or facts.snapshot.at)
    replicas = (facts.replica_of_pod(pod) for pod in waiting[:MOST_PENDING])
    return tuple(_pending_row(replica) for replica in replicas if replica is not None)


def _pending_row(replica: Replica) -> PendingRow:
    meta = replica.pod.metadata
    scheduled = replica.pod.condition("PodScheduled")
    return PendingRow(
        meta.name,
        meta.namespace,
        meta.uid,
        replica.gpu_count,
        units.age_s(meta.creation_timestamp, replica.facts.snapshot.at),
        scheduled.message if scheduled and replica.state is ReplicaState.PENDING else "",
        provision_text(replica.provisioning),
    )


_OUTCOMES = {
    Outcome.WORKING: "a node is coming",
    Outcome.QUOTA: "no: cloud quota",
    Outcome.STOCKOUT: "no: the cloud has no such GPU",
    Outcome.REFUSED: "no: the cloud refuses",
    Outcome.UNREGISTERED: "the node is there without its GPU",
    Outcome.LIMIT: "no: the node pool is at its limit",
    Outcome.NO_MATCH: "no: no node pool fits",
    Outcome.ABSENT: "nobody brings nodes here",
}


def provision_text(found: Provisioning) -> str:
    """Who brings a node, or why nobody does; says so when that is not known."""
    said = _OUTCOMES.get(found.outcome)
    if said is None:
        return "not known who brings a node"
    by = f" ({found.by})" if found.by else ""
    return f"{said}{by}" + (f", asked at {units.clock(found.since)}" if found.since else "")


# --- GPU-hours --------------------------------------------------------------------------------------------


class GpuHours:
    """Adds up, while somebody looks, the GPU-hours of each node that nobody held or that were held for nothing."""

    LONGEST_STEP_S = 60.0

    def __init__(self) -> None:
        self._idle: dict[str, float] = {}
        self._unused: dict[str, float] = {}
        self._last: datetime | None = None
        self.since: datetime | None = None

    def add(self, rows: Iterable[NodeRow], now: datetime) -> None:
        """Counts the time since the last call at the present numbers; a longer gap was not looked at."""
        step_s = (now - self._last).total_seconds() if self._last else 0.0
        self._last, self.since = now, self.since or now
        if not 0 < step_s <= self.LONGEST_STEP_S:
            return
        for row in rows:
            self._idle[row.key] = self._idle.get(row.key, 0.0) + row.free * step_s / 3600
            self._unused[row.key] = self._unused.get(row.key, 0.0) + (row.unused or 0) * step_s / 3600

    def onto(self, rows: Iterable[NodeRow], prices: Mapping[str, float]) -> tuple[NodeRow, ...]:
        """The rows with what was added up for them, and with the price of their GPU."""
        return tuple(
            msgspec.structs.replace(
                row,
                idle_h=self._idle.get(row.key),
                unused_h=self._unused.get(row.key),
                price_per_h=price_of(row.product, prices),
            )
            for row in rows
        )


def price_of(product: str, prices: Mapping[str, float]) -> float | None:
    """The price of an hour of a GPU: that of the longest name that its product contains."""
    fitting = [name for name in prices if name.lower() in product.lower()]
    return prices[max(fitting, key=len)] if fitting else None
