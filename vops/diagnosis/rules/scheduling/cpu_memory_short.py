"""A node has the GPUs free, and too little CPU, memory, disk or room for one more pod.

What it finds
    On the nodes that the pod may use, a resource other than the GPU falls short; by how much is computed.

Why it matters
    GPUs stand idle while small pods, or a generous memory request, keep the model out.

Evidence
    For each such node: asked, free and allocatable, and the pods without a GPU that hold most of it.

Fix
    `fix-requests`, else by hand: lower the request to what is free but not below what the server
    really uses, or move the small pods away.
"""

from __future__ import annotations

from decimal import Decimal

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Evidence, Fix
from vops.diagnosis.memory import host_memory
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.demands import amounts, gpu_request
from vops.diagnosis.placement.filters.rooms import Shortfall
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.quantities import format_bytes
from vops.model.snapshot import Source

_BYTES = ("memory", "ephemeral-storage", "hugepages-")
_HOLDERS_SHOWN = 3
_WORTH_LOWERING = 3
"""A request is not lowered to less than a third: the server would not run on that."""
_MI = 1 << 20


@rule(cause="cpu-memory-short", branch=Branch.SCHEDULE, needs={Source.NODES}, order=30)
def cpu_memory_short(replica: Replica) -> Verdict | None:
    placement = replica.placement
    tight = tuple(fit for fit in placement.nearest if (fit.short_of_other or fit.full) and not fit.unavailable)
    if not tight or any(not fit.short and not fit.full for fit in placement.nearest) or replica.settles:
        return None
    best = min(tight, key=lambda fit: len(fit.short))
    lacks = ", ".join(_lack(item) for item in best.short_of_other) or "no room for one more pod"
    return Verdict(
        summary=f"{replica.name} does not fit on {best.name}: {lacks}",
        evidence=(
            *(item for fit in tight[: blockers.NODES_SHOWN] for item in _evidence(replica, fit)),
            *blockers.scheduled_by(replica),
        ),
        confidence=blockers.confidence(placement, Obstacle.RESOURCE, tight),
        fixes=(_fix(replica, best),),
    )


def _fix(replica: Replica, best: NodeFit) -> Fix:
    """Lower requests where every one that is short may be lowered so far; else by hand."""
    title = "Ask for what is free, or make room"
    steps = tuple(_step(item) for item in best.short_of_other)
    if not steps:
        return remedies.by_steps(replica, title, (f"Move small pods away from {best.name}; it is full.",))
    lower = {item.resource: _lowered(replica, item) for item in best.short_of_other}
    if best.full or not all(lower.values()):
        return remedies.by_steps(replica, title, steps)
    params = {"container": replica.container.name, **lower}
    return remedies.runbook(replica, "fix-requests", title, Applicability.ASK, params, by_hand=steps, notes=steps)


def _lowered(replica: Replica, item: Shortfall) -> str:
    """What the container may request so that the pod fits: not below what a start is known to need, and not for much
    less than was meant. Empty where that cannot be."""
    asked = amounts(replica.container.resources.requests).get(item.resource, Decimal())
    room = asked - (item.wanted - item.free)
    if room * _WORTH_LOWERING < asked or room <= 0:
        return ""
    if item.resource == "cpu":
        return f"{int(room * 1000)}m"
    needed = host_memory.working_bytes(replica) or 0.0
    return f"{int(room // _MI)}Mi" if item.resource == "memory" and float(room) >= needed else ""


def amount(resource: str, value: Decimal) -> str:
    """A quantity in words: bytes with a unit, anything else as a number."""
    if resource.startswith(_BYTES):
        return format_bytes(float(value))
    return f"{value.normalize():f}"


def _lack(item: Shortfall) -> str:
    return f"asks {amount(item.resource, item.wanted)} {item.resource}, {amount(item.resource, item.free)} free"


def _evidence(replica: Replica, fit: NodeFit) -> list[Evidence]:
    found = []
    for item in fit.short_of_other:
        others = [pod for pod in replica.placement.holders(fit.name, item.resource) if not gpu_request(pod)]
        held = blockers.named((blockers.holder_in_words(replica.facts, pod) for pod in others), _HOLDERS_SHOWN)
        offered = amount(item.resource, item.allocatable)
        observed = f"{offered}, {amount(item.resource, item.free)} free" + (f"; without a GPU: {held}" if held else "")
        path = f"status.allocatable[{item.resource}]"
        found.append(evidence.node_field(fit.node, path, observed, expected=amount(item.resource, item.wanted)))
    if fit.full:
        found.append(evidence.node_field(fit.node, "status.allocatable[pods]", "all in use"))
    return found


def _step(item: Shortfall) -> str:
    if item.hopeless:
        most = amount(item.resource, item.allocatable)
        return f"Ask for at most {most} {item.resource}: even an empty node has no more."
    lacking = amount(item.resource, item.wanted - item.free)
    if item.free * _WORTH_LOWERING < item.wanted:
        return f"Free {lacking} {item.resource} on the node: move pods away that need no GPU, or use another node."
    free = amount(item.resource, item.free)
    return (
        f"Lower the {item.resource} request to {free} or less, if the server really uses no more; or free {lacking} on "
        "the node."
    )
