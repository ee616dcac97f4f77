"""Claims as rows: how large, where, who mounts them, and the models that servers read from them.

How full a volume is only its node knows, and no API tells it without a grant on nodes; so no row says it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from vops.diagnosis.facts import Facts, Replica
from vops.model.hub import seeded_model
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.quantities import format_bytes, quantity
from vops.model.storage import PersistentVolume, PersistentVolumeClaim
from vops.model.text import one_line
from vops.render import units
from vops.render.cells import Cell, Column
from vops.render.text import Line, Span, Tone, line

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")


class ClaimRow(msgspec.Struct, frozen=True):
    """One claim; `capacity` in bytes, None while it is not bound; `zone` is empty where none is known."""

    namespace: str
    name: str
    uid: str
    phase: str
    capacity: float | None
    storage_class: str
    modes: tuple[str, ...]
    zone: str
    pods: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.uid or f"{self.namespace}/{self.name}"

    @property
    def ref(self) -> Ref:
        return Ref("PersistentVolumeClaim", self.name, self.namespace, self.uid)

    @property
    def dim(self) -> bool:
        return False

    @property
    def remark(self) -> Span | None:
        return None


def claim_rows(held: Iterable[tuple[PersistentVolumeClaim, PersistentVolume | None]], facts: Facts) -> list[ClaimRow]:
    """A row for each claim, joined with the pods that mount it."""
    users: dict[tuple[str, str], list[Pod]] = defaultdict(list)
    for pod in facts.snapshot.pods:
        for name in _claims_of(pod):
            users[pod.metadata.namespace, name].append(pod)
    return [
        _row(claim, volume, users.get((claim.metadata.namespace, claim.metadata.name), []), facts)
        for claim, volume in held
    ]


def _claims_of(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim:
            yield str(volume.persistent_volume_claim.get("claimName", ""))


def _row(claim: PersistentVolumeClaim, volume: PersistentVolume | None, pods: list[Pod], facts: Facts) -> ClaimRow:
    meta = claim.metadata
    replicas = [facts.replica(meta.namespace, pod.metadata.name) for pod in pods]
    return ClaimRow(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        phase=claim.status.phase or "Pending",
        capacity=_bytes(claim.status.capacity.get("storage", "")),
        storage_class=claim.spec.storage_class_name or "",
        modes=tuple(_MODES.get(mode, mode) for mode in claim.status.access_modes or claim.spec.access_modes),
        zone=_zone(volume),
        pods=tuple(pod.metadata.name for pod in pods),
        models=tuple(sorted({model for replica in replicas if replica for model in _models(replica)})),
    )


def _bytes(text: str) -> float | None:
    try:
        return float(quantity(text)) if text else None
    except ValueError:
        return None


def _zone(volume: PersistentVolume | None) -> str:
    required = (volume.spec.node_affinity.get("required") or {}) if volume else {}
    terms = required.get("nodeSelectorTerms") or ()
    wanted = (item for term in terms for item in term.get("matchExpressions") or ())
    return ", ".join(str(zone) for item in wanted if item.get("key") in _ZONES for zone in item.get("values") or ())


def _models(replica: Replica) -> Iterator[str]:
    """What a server reads from a claim: a seeded model by its repository, any other local path as it is."""
    model = replica.args.model or ""
    seeded = seeded_model(model)
    if seeded is not None:
        yield f"{seeded.repository}@{seeded.commit[:7]}"
    elif model.startswith("/"):
        yield model


def claim_line(row: ClaimRow) -> Line:
    """One claim in a sentence: who mounts it."""
    users = ", ".join(row.pods[:4]) + (f" and {len(row.pods) - 4} more" if len(row.pods) > 4 else "")
    mounted = f"mounted by {users}" if row.pods else "mounted by no pod"
    return line(Span(f"{row.namespace}/{row.name}", Tone.STRONG), Span(f"  {one_line(mounted, 200)}"))


def _phase(row: ClaimRow) -> Cell:
    good = row.phase == "Bound"
    return Cell(f"{'●' if good else '▲'} {row.phase.lower()}", Tone.GOOD if good else Tone.WARN)


CLAIM_COLUMNS: tuple[Column[ClaimRow], ...] = (
    Column(
        "claim", "CLAIM", 16, lambda row: Cell(row.name, Tone.STRONG), lambda row: row.name, limit=50, keep_end=True,
        about="the PersistentVolumeClaim",
    ),
    Column(
        "namespace", "NAMESPACE", 9, lambda row: Cell(row.namespace, Tone.DIM), lambda row: row.namespace, limit=20,
        rank=4, about="where it is",
    ),
    Column("phase", "PHASE", 10, _phase, lambda row: row.phase, about="bound to a volume, or not yet"),
    Column(
        "size", "SIZE", 9,
        lambda row: Cell(units.UNKNOWN if row.capacity is None else format_bytes(row.capacity)),
        lambda row: row.capacity, right=True, about="what the volume holds; how full it is only its node knows",
    ),
    Column(
        "modes", "MODES", 6, lambda row: Cell(",".join(row.modes) or units.UNKNOWN), lambda row: row.modes, limit=12,
        rank=2, about="RWO one node, RWX many, ROX many that read, RWOP one pod",
    ),
    Column(
        "class", "CLASS", 8, lambda row: Cell(row.storage_class or "default", Tone.DIM), lambda row: row.storage_class,
        limit=24, rank=5, about="who makes the volume",
    ),
    Column(
        "zone", "ZONE", 6, lambda row: Cell(row.zone or units.UNKNOWN, Tone.DIM), lambda row: row.zone or None,
        limit=20, rank=6, about="the zone that the volume is bound to",
    ),
    Column(
        "pods", "PODS", 5, lambda row: Cell(str(len(row.pods)), Tone.PLAIN if row.pods else Tone.DIM),
        lambda row: len(row.pods), right=True, rank=3, about="how many pods mount it",
    ),
    Column(
        "models", "MODELS", 12, lambda row: Cell(", ".join(row.models) or units.UNKNOWN),
        lambda row: row.models or None, limit=80, rank=1, about="what servers read from it",
    ),
)  # fmt: skip
