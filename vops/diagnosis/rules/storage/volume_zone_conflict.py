"""The pod's volume is in a zone, or on a node, where the nodes that could take the pod are not.

What it finds
    A bound volume whose node affinity (or zone labels) rules out nodes that would do otherwise, or a StorageClass whose
    allowedTopologies do.

Why it matters
    A zonal disk pins the pod to its zone. GPUs that are free in another zone are of no use to it, and an autoscaler
    must bring a node in that one zone.

Evidence
    PersistentVolume.spec.nodeAffinity against the nodes' labels, and the scheduler's own words.

Fix
    By hand: a GPU node in the volume's zone, or a volume elsewhere. vops never deletes a claim.
"""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.volumes import VolumeConflict, claim_names
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.placement.spoken import leading
from vops.diagnosis.placement.unbound import AFFINITY
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_HOSTNAME = "kubernetes.io/hostname"
_PINNED = ("node affinity", "volume zone")
_LOCAL = lazy_pattern(
    r"(?i:host-?path|local-path|node-pinned|\blocal (?:PV|persistent ?volume|volume|disk|storage)s?\b)"
)
"""A volume that is a directory or a disk of one node."""

_SEE = "See where the volume is: kubectl get pv -o custom-columns=NAME:.metadata.name,AT:.spec.nodeAffinity"
_INTO_ITS_ZONE = remedies.advice(
    "Bring pod and volume into one zone",
    _SEE,
    "Add a GPU node in that zone, or make a new claim (class with WaitForFirstConsumer, or regional) and "
    "seed it again. Do not delete the old claim before that.",
)
_BESIDE_ITS_NODE = remedies.advice(
    "Give the other nodes a volume that they reach",
    _SEE,
    "A local volume is on one node: use a shared one (ReadWriteMany, as NFS or CephFS has it), or one claim for each "
    "node, and seed it. Do not delete the old claim before that.",
    "Or run the pod on the volume's node, where GPUs are free there.",
)


@rule(
    cause="volume-zone-conflict",
    branch=Branch.SCHEDULE,
    needs={Source.NODES, Source.VOLUMES},
    explains={"gpu-exhausted", "cpu-memory-short", "spread-or-affinity", "node-unavailable", "autoscaler-no-match"},
    order=25,
)
def volume_zone_conflict(replica: Replica) -> Verdict | None:
    pinned = _pinned(replica)
    if not pinned or replica.settles:
        return None
    conflict = pinned[0].volumes[0]
    where = ", ".join(f"{item.key}={item.wanted}" for item in conflict.mismatches)
    what = f"volume {conflict.volume} of the claim {conflict.claim}" if conflict.volume else f"claim {conflict.claim}"
    return Verdict(
        summary=f"The {what} is bound to {where}, and {blockers.nodes_in_words(pinned)}, which would take "
        f"{replica.name}, {'is' if len(pinned) == 1 else 'are'} not there",
        evidence=(
            *(item for fit in pinned[: blockers.NODES_SHOWN] for item in _evidence(fit)),
            *blockers.scheduled_by(replica),
        ),
        confidence=blockers.confidence(replica.placement, Obstacle.VOLUME, pinned),
        fixes=(remedies.advice("Bring pod and volume into one zone", *_steps(conflict)),),
    )


@rule(cause="volume-zone-conflict", branch=Branch.SCHEDULE, order=26)
def said_volume_zone_conflict(replica: Replica) -> Verdict | None:
    found = [item for item in leading(replica) if any(words in item.text for words in _PINNED)]
    said = replica.placement.scheduler
    bound_apart = said is not None and AFFINITY in said.blocked
    if not bound_apart and not any(item.obstacle is Obstacle.VOLUME for item in found):
        return None
    claims = blockers.named(claim_names(replica.pod)) or "of the pod"
    return Verdict(
        summary=f"The volume of {replica.name} (claim {claims}) cannot be reached from the nodes that would take it",
        evidence=evidence.scheduler(replica),
        confidence=Confidence.PROBABLE,
        fixes=(_BESIDE_ITS_NODE if any(_LOCAL.search(item.message) for item in replica.events) else _INTO_ITS_ZONE,),
    )


def _pinned(replica: Replica) -> Sequence[NodeFit]:
    """The nodes that only the volume rules out; else the nearest, where none does without it."""
    placement = replica.placement
    only = tuple(fit for fit in placement.large_enough if fit.obstacles == {Obstacle.VOLUME} and _told(fit))
    nearest = tuple(fit for fit in placement.nearest if _told(fit) and not fit.unavailable)
    if placement.fitting:
        return ()
    return only or (() if placement.allowed else nearest)


def _told(fit: NodeFit) -> bool:
    return any(item.mismatches for item in fit.volumes)


def _evidence(fit: NodeFit) -> list[Evidence]:
    return [
        evidence.node_field(
            fit.node,
            f"metadata.labels[{item.key}]",
            item.has or "none",
            expected=f"{item.wanted}, as {_name(conflict)}",
        )
        for conflict in fit.volumes
        for item in conflict.mismatches
    ]


def _name(conflict: VolumeConflict) -> str:
    return conflict.volume or f"the class of {conflict.claim}"


def _steps(conflict: VolumeConflict) -> tuple[str, ...]:
    place = ", ".join(f"{item.key}={item.wanted}" for item in conflict.mismatches)
    again = (
        "Or make a new claim where the GPUs are (WaitForFirstConsumer, or a regional or shared volume) and seed it "
        "again; do not delete the old claim before that."
    )
    if any(item.key == _HOSTNAME for item in conflict.mismatches):
        return (f"The volume is a disk of one node ({place}): bring that node back, or free its GPUs.", again)
    return (f"Add or free a GPU node where {place}.", again)
