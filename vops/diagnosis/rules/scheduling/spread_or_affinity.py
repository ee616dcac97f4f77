"""Rules about other pods keep this one away: inter-pod affinity, anti-affinity, topology spread or host ports.

What it finds
    The nodes that would do otherwise are closed by a required term of this pod, by one of a pod that is there, by a
    spread constraint with DoNotSchedule, or by a host port that another pod has. Each is recomputed from the objects.

Why it matters
    One replica per node with anti-affinity needs as many nodes as replicas, also for the extra pod of a rolling update.

Evidence
    The term or constraint, the domain and the pods that are in the way, and the scheduler's own words.

Fix
    By hand: prefer instead of require, or allow one pod fewer during updates.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.pod_affinity import Repulsion, Side
from vops.diagnosis.placement.filters.spread import Skew
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_KINDS = (Obstacle.POD_AFFINITY, Obstacle.SPREAD, Obstacle.PORTS)


@rule(cause="spread-or-affinity", branch=Branch.SCHEDULE, needs={Source.NODES}, order=45)
def spread_or_affinity(replica: Replica) -> Verdict | None:
    placement = replica.placement
    closed = closed_by_others(replica)
    if not closed or replica.settles:
        return None
    kinds = [kind for kind in _KINDS if any(kind in fit.obstacles for fit in closed)]
    reasons = list(dict.fromkeys(words for fit in closed for words in _reasons(fit)))
    return Verdict(
        summary=f"{replica.name} is kept away from {blockers.nodes_in_words(closed)} by {' and '.join(kinds)}: "
        f"{blockers.named(reasons, 2)}",
        evidence=(
            *(item for fit in closed[: blockers.NODES_SHOWN] for item in _evidence(fit)),
            *blockers.scheduled_by(replica),
        ),
        confidence=blockers.confidence(placement, kinds[0], closed),
        fixes=(remedies.by_steps(replica, "Loosen the constraint", tuple(_steps(closed))),),
    )


def closed_by_others(replica: Replica) -> tuple[NodeFit, ...]:
    """The nearest nodes that other pods close; empty when one of the nearest is closed by something else only."""
    nearest = tuple(fit for fit in replica.placement.nearest if not fit.unavailable)
    closed = tuple(fit for fit in nearest if fit.obstacles & set(_KINDS))
    return closed if len(closed) == len(nearest) else ()


def _reasons(fit: NodeFit) -> Iterator[str]:
    yield from (_repulsion(item) for item in fit.repulsions)
    yield from (_skew(item) for item in fit.skews)
    yield from (f"{blockers.pod_in_words(pod)} has host port {port}" for port, pod in fit.ports)


def _repulsion(item: Repulsion) -> str:
    domain = f"{item.topology_key}={item.domain}" if item.domain else f"no label {item.topology_key}"
    if item.side is Side.AFFINITY:
        return f"no pod with {item.selector} where {domain}" if item.domain else f"the node has {domain}"
    others = blockers.named((blockers.pod_in_words(pod) for pod in item.pods), 2)
    whose = "it wants no pod" if item.side is Side.ANTI_AFFINITY else "they want no pod"
    return f"{others} {'is' if len(item.pods) == 1 else 'are'} in {domain}, and {whose} with {item.selector} beside it"


def _skew(item: Skew) -> str:
    if not item.domain:
        return f"the node has no label {item.topology_key}, by which pods are spread"
    at_most = f"at most {item.allowed} more than the emptiest ({item.least})"
    return f"{item.topology_key}={item.domain} has {item.there} of them already, {at_most}"


def _evidence(fit: NodeFit) -> Iterator[Evidence]:
    for item in fit.repulsions:
        yield evidence.node_field(fit.node, f"metadata.labels[{item.topology_key}]", _repulsion(item))
    for skew in fit.skews:
        yield evidence.node_field(fit.node, f"metadata.labels[{skew.topology_key}]", _skew(skew))
    for port, pod in fit.ports:
        yield evidence.node_field(fit.node, f"host port {port}", blockers.pod_in_words(pod), expected="free")


def _steps(closed: tuple[NodeFit, ...]) -> Iterator[str]:
    if any(fit.repulsions for fit in closed):
        yield "Make the affinity term a preference (preferredDuringSchedulingIgnoredDuringExecution), or add a node."
    if any(not skew.domain for fit in closed for skew in fit.skews):
        yield "Label the nodes with the topology key, or spread by a label that they have."
    if any(fit.skews for fit in closed):
        yield "Set whenUnsatisfiable: ScheduleAnyway, or a larger maxSkew, in topologySpreadConstraints."
    if any(fit.ports for fit in closed):
        yield "Drop hostPort (and hostNetwork), or give each replica a node of its own."
    yield "For a rolling update set maxSurge 0, so that it needs no node more than there are replicas."
