"""What keeps a pod in certain zones: its own selector or affinity, or a volume that is there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.placement.filters.node_affinity import required_terms
from vops.diagnosis.placement.filters.volumes import claim_names

_ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone", "topology.gke.io/zone")


class Pin(msgspec.Struct, frozen=True):
    """What keeps a pod in certain zones: a field of the pod, or a volume."""

    zones: tuple[str, ...]
    by: str
    shown: Evidence
    volume: bool = False


def pin(replica: Replica) -> Pin | None:
    """What pins the pod to one zone or a few; a volume first, for it cannot be edited."""
    return next(_pins(replica), None)


def unpin_step(pinned: Pin) -> str:
    """How to let a pod leave its zone."""
    zones = ", ".join(pinned.zones)
    if pinned.volume:
        return (
            f"{pinned.by[0].upper()}{pinned.by[1:]} holds it in {zones}: put the model on a regional or ReadOnlyMany "
            "volume, or seed a second claim in a zone that has GPUs, and keep the first until that serves."
        )
    return f"Remove {pinned.by.removeprefix('its ')} ({zones}) from the pod template, or let it name more zones."


def _pins(replica: Replica) -> Iterator[Pin]:
    yield from _volume_pins(replica)
    spec = replica.pod.spec
    for key in _ZONE_LABELS:
        if zone := spec.node_selector.get(key):
            yield Pin((zone,), f"its nodeSelector {key}", evidence.pod_field(f"spec.nodeSelector[{key}]", zone))
    terms = required_terms(spec.affinity) or ()
    zones = _zones_of(terms)
    if zones and len(terms) == 1:
        yield Pin(zones, "its node affinity", evidence.pod_field("spec.affinity.nodeAffinity", ", ".join(zones)))


def _volume_pins(replica: Replica) -> Iterator[Pin]:
    storage = replica.facts.storage
    for name in claim_names(replica.pod):
        claim = storage.claim(replica.namespace, name)
        volume = storage.volumes.get(claim.spec.volume_name) if claim is not None else None
        required = volume.spec.node_affinity.get("required") if volume is not None else None
        zones = _zones_of((required or {}).get("nodeSelectorTerms") or ())
        if volume is not None and zones:
            shown = Evidence("persistentvolume", f"{volume.metadata.name} spec.nodeAffinity", ", ".join(zones))
            yield Pin(zones, f"the volume of its claim {name}", shown, volume=True)


def _zones_of(terms: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The zones that node selector terms allow, of the keys that name zones."""
    asked = (item for term in terms for item in term.get("matchExpressions") or ())
    zonal = (item for item in asked if item.get("operator") == "In" and names_zones(str(item.get("key", ""))))
    return tuple(dict.fromkeys(str(value) for item in zonal for value in item.get("values") or ()))


def names_zones(key: str) -> bool:
    """Whether a node label tells the zone."""
    return key in _ZONE_LABELS or key.endswith("/zone")
