"""Why a volume claim is not bound: told from the claim, the classes and volumes there are, and the claim's events.

Sources: the PersistentVolume controller (pkg/controller/volume/persistentvolume/pv_controller.go) and the external
provisioner, which write `FailedBinding`, `ProvisioningFailed`, `ExternalProvisioning` and `WaitForFirstConsumer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.placement.filters.volumes import ClaimBlock, Storage, Trouble, claim_names, class_name
from vops.diagnosis.placement.scheduler_text import Reason
from vops.diagnosis.placement.spoken import leading
from vops.model.objects import Ref
from vops.model.patterns import lazy_pattern
from vops.model.quantities import quantity
from vops.model.resources import Event
from vops.model.storage import PersistentVolume, PersistentVolumeClaim
from vops.model.text import one_line

_CLAIM = lazy_pattern(
    r'persistentvolumeclaim "(?P<name>[\w.-]{1,253})" (?P<how>not found|bound to non-existent|is being deleted)'
)
_UNBOUND = lazy_pattern(r"unbound (?:immediate )?PersistentVolumeClaims|PersistentVolumeClaim is not bound")
"""Kubernetes before 1.14 did not say that they are to be bound at once, and before 1.20 counted nodes with it."""

_GONE = "bound to non-existent pv"
_EPHEMERAL = lazy_pattern(
    r'waiting for ephemeral volume controller to create the persistentvolumeclaim "(?P<name>[\w.-]{1,253})"'
)
_NO_CLASS = "no storage class is set"
_LACKS_CLASS = lazy_pattern(r'storageclass(?:\.storage\.k8s\.io)? "(?P<name>[\w.-]{1,253})" not found')
AFFINITY = "node affinity doesn't match node"
"""Said of a volume that was bound, while the pod waited, to where its node is not."""

_FAILED = ("ProvisioningFailed", "FailedBinding", "VolumeMismatch")
_WAITS = ("WaitForFirstConsumer", "WaitForPodScheduled")
_NO_VOLUME = {
    "didn't find available persistent volumes to bind": "finds no volume on the nodes that would take the pod",
    "CSI driver is not installed on the node": "needs a CSI driver that does not run on the nodes",
    "did not have enough free storage": "is larger than the storage that the nodes have left",
}
_BY_BINDER = lazy_pattern(
    r"binding volumes: (?P<how>.{1,200})"
    r"|(?P<lacks>failed to find storage class \"[^\"]{1,253}|no class for claim .{1,200})"
    r"|(?P<gone>could not find v1\.PersistentVolumeClaim .{1,253})|(?P<odd>PersistentVolumeClaim had no .{1,60}"
    r"|VolumeBindingMode not set for StorageClass .{1,200})"
)
"""What the scheduler's VolumeBinding and VolumeZone say of a claim when they fail, with whatever failed them."""

_PROVISIONER = "See why no volume is made for it: the claim's events, and the log of the CSI driver's provisioner."
_REASON_SHOWN = 220
_HOW = {
    "not found": ("does not exist", Trouble.MISSING),
    "bound to non-existent": ("has lost its volume", Trouble.LOST),
    "is being deleted": ("is being deleted", Trouble.DELETING),
}


class Unbound(msgspec.Struct, frozen=True):
    """A claim that keeps a pod from every node: `why` continues "which …", `steps` mend it."""

    name: str
    trouble: Trouble
    why: str
    steps: tuple[str, ...] = ()
    claim: PersistentVolumeClaim | None = None
    events: tuple[Event, ...] = ()


def unbound(replica: Replica) -> tuple[Unbound, ...]:
    """The claims that keep a pod from every node; none for those that wait for the pod."""
    said = replica.placement.scheduler
    passed = said is not None and bool(said.reasons) and not any(_GONE in item.text for item in said.reasons)
    blocks = () if passed else replica.placement.claim_blocks
    found = [_told(replica, block) for block in blocks if block.trouble is not Trouble.IN_USE]
    found += [item for item in _failed_to_provision(replica) if item.name not in {known.name for known in found}]
    return tuple(found) or tuple(_as_said(replica))


def _told(replica: Replica, block: ClaimBlock) -> Unbound:
    match block.trouble:
        case Trouble.MISSING:
            return _missing(replica, block.name)
        case Trouble.LOST:
            why = "has lost its volume: the PersistentVolume that it was bound to is gone"
            steps = ("Restore the volume, or make a new claim and seed it again; the old one never binds again.",)
            return Unbound(block.name, block.trouble, why, steps, block.claim)
        case Trouble.DELETING:
            why = "is being deleted, and lives only while a pod that runs uses it"
            return Unbound(
                block.name, block.trouble, why, ("Let the deletion end, then create the claim again.",), block.claim
            )
        case _:
            return _pending(replica, block.name, block.claim)


def _missing(replica: Replica, name: str) -> Unbound:
    storage, namespace = replica.facts.storage, replica.namespace
    here = [claim for place, claim in storage.claims if place == namespace]
    elsewhere = [place for place, claim in storage.claims if claim == name and place != namespace]
    steps = [f"Create it in {namespace}, or name one that exists in spec.volumes[].persistentVolumeClaim.claimName."]
    if alike := get_close_matches(name, here, n=1, cutoff=0.6):
        steps.insert(0, f"Did you mean {alike[0]}, which exists in {namespace}?")
    if elsewhere:
        steps.insert(0, f"A claim of that name exists in {elsewhere[0]}; pods use only those of their own namespace.")
    return Unbound(name, Trouble.MISSING, "does not exist", tuple(steps))


def _pending(replica: Replica, name: str, claim: PersistentVolumeClaim | None) -> Unbound:
    if claim is None:
        return Unbound(name, Trouble.UNBOUND, "is not bound to a volume")
    storage, wanted = replica.facts.storage, class_name(claim)
    events = _events(replica, claim)
    lacks = wanted and wanted not in storage.classes and storage.classes_readable
    named = _said_by(events, _LACKS_CLASS)
    if lacks or named:
        return _no_such_class(claim, wanted or named, storage, events)
    if not wanted:
        return _without_class(claim, storage, events)
    failed = next((event for event in reversed(events) if event.reason in _FAILED), None)
    if failed is not None:
        return _failed(claim, failed, events)
    provisioner = storage.classes[wanted].provisioner if wanted in storage.classes else ""
    why = f"is not bound yet: nothing has made a volume of the class {wanted}"
    steps = (f"See that the provisioner {provisioner or wanted} (a CSI driver's controller) runs, and its log.",)
    return Unbound(name, Trouble.UNBOUND, why, steps, claim, events)


def _no_such_class(claim: PersistentVolumeClaim, wanted: str, storage: Storage, events: tuple[Event, ...]) -> Unbound:
    there = sorted(storage.classes)
    instead = f"one of {', '.join(there)}" if there else "one that exists (kubectl get storageclass)"
    steps = (
        f"Set storageClassName to {instead}; the claim cannot be changed, so make it anew while it was never bound.",
        f"Or create the StorageClass {wanted}.",
    )
    why = f"asks for the StorageClass {wanted}, which does not exist"
    return Unbound(claim.metadata.name, Trouble.UNBOUND, why, steps, claim, events)


def _without_class(claim: PersistentVolumeClaim, storage: Storage, events: tuple[Event, ...]) -> Unbound:
    there = sorted(storage.classes)
    fits = _nearest_volume(claim, storage)
    if claim.spec.storage_class_name == "":
        why = 'asks for no class (storageClassName: ""), and no volume that is there fits'
    else:
        why = "names no StorageClass, and the cluster has no default class"
    steps = [
        f"Set storageClassName to {there[0] if len(there) == 1 else 'one of ' + ', '.join(there)}."
        if there
        else "Set storageClassName to a class that exists (kubectl get storageclass).",
        'Or mark a class as the default: annotation storageclass.kubernetes.io/is-default-class: "true".',
    ]
    if fits:
        steps.insert(0, fits)
    return Unbound(claim.metadata.name, Trouble.UNBOUND, why, tuple(steps), claim, events)


def _failed(claim: PersistentVolumeClaim, event: Event, events: tuple[Event, ...]) -> Unbound:
    message = one_line(event.message, _REASON_SHOWN)
    if _NO_CLASS in event.message:
        message = "no volume is available for it and no storage class is set"
    why = f"is not bound: {message}"
    steps = ["Mend what the provisioner says, or use another StorageClass."]
    if re.search(r"quota|limit exceeded|LimitExceeded", event.message, re.IGNORECASE):
        steps.insert(0, "The cloud's storage quota is used up: free volumes, ask for less, or have the quota raised.")
    return Unbound(claim.metadata.name, Trouble.UNBOUND, why, tuple(steps), claim, events)


def _failed_to_provision(replica: Replica) -> Iterator[Unbound]:
    """Claims that wait for their first consumer, for which making a volume on the chosen node failed."""
    storage = replica.facts.storage
    for name in claim_names(replica.pod):
        claim = storage.claim(replica.namespace, name)
        if claim is None or claim.status.phase == "Bound":
            continue
        events = _events(replica, claim)
        if events and events[-1].reason == "ProvisioningFailed":
            yield _failed(claim, events[-1], events)


def _as_said(replica: Replica) -> Iterator[Unbound]:
    """What the scheduler says of claims, where they could not be read."""
    said = replica.placement.scheduler
    if said is None:
        return
    names = claim_names(replica.pod)
    if match := _CLAIM.search(said.blocked):
        why, trouble = _HOW[match["how"]]
        steps = (f"Create the claim {match['name']} in {replica.namespace}, or name one that exists.",)
        yield Unbound(match["name"], trouble, why, steps)
    elif match := _EPHEMERAL.search(said.blocked):
        yield Unbound(match["name"], Trouble.MISSING, "was not made from its template yet")
    elif _UNBOUND.search(said.blocked) or any(_UNBOUND.search(item.text) for item in said.reasons):
        steps = ("Set a storageClassName that exists; with no default class a claim without one stays unbound.",)
        yield Unbound(", ".join(names), Trouble.UNBOUND, "is not bound to a volume", steps)
    elif (failed := _BY_BINDER.search(said.blocked)) and AFFINITY not in said.blocked:
        yield _by_binder(", ".join(names), failed)
    elif any(_GONE in item.text for item in said.reasons):
        steps = ("Restore the volume, or make a new claim and seed it again.",)
        yield Unbound(", ".join(names), Trouble.LOST, "has lost its volume", steps)
    elif lacks := _lacks_volume(leading(replica)):
        steps = (
            "See the free volumes and the class: kubectl get pv,storageclass; and give the claim a class that makes "
            "volumes where the GPU nodes are.",
        )
        yield Unbound(", ".join(names), Trouble.UNBOUND, lacks, steps)


def _by_binder(name: str, failed: re.Match[str]) -> Unbound:
    if failed["gone"]:
        return Unbound(name, Trouble.MISSING, "does not exist", ("Create the claim, or name one that exists.",))
    if failed["how"]:
        return Unbound(name, Trouble.UNBOUND, f"was not bound in time: {failed['how']}", (_PROVISIONER,))
    steps = ("Set a storageClassName that exists and has a volumeBindingMode (kubectl get storageclass).",)
    return Unbound(name, Trouble.UNBOUND, f"cannot be bound: {failed['lacks'] or failed['odd']}", steps)


def _lacks_volume(reasons: tuple[Reason, ...]) -> str:
    return next((why for text, why in _NO_VOLUME.items() if any(text in item.text for item in reasons)), "")


def _events(replica: Replica, claim: PersistentVolumeClaim) -> tuple[Event, ...]:
    """What was said of a claim, without that it waits for the pod; oldest first."""
    meta = claim.metadata
    about = replica.facts.events_of(Ref("PersistentVolumeClaim", meta.name, meta.namespace, meta.uid))
    return tuple(event for event in about if event.reason not in _WAITS)


def _said_by(events: tuple[Event, ...], pattern: re.Pattern[str]) -> str:
    match = next(filter(None, (pattern.search(event.message) for event in reversed(events))), None)
    return match["name"] if match else ""


def _nearest_volume(claim: PersistentVolumeClaim, storage: Storage) -> str:
    """In what the free volume that comes closest differs from the claim; empty where there is none."""
    free = [item for item in storage.volumes.values() if item.status.phase == "Available" and not item.spec.claim_ref]
    differs = min(((item, _differences(claim, item)) for item in free), key=lambda pair: len(pair[1]), default=None)
    if differs is None or not differs[1]:
        return ""
    return f"The free volume {differs[0].metadata.name} differs: {'; '.join(differs[1])}."


def _differences(claim: PersistentVolumeClaim, volume: PersistentVolume) -> list[str]:
    found = []
    modes = set(claim.spec.access_modes) - set(volume.spec.access_modes)
    if modes:
        found.append(f"it does not offer {', '.join(sorted(modes))}")
    if volume.spec.storage_class_name != class_name(claim):
        found.append(f"its class is {volume.spec.storage_class_name or 'none'}")
    asked, has = claim.spec.resources.requests.get("storage", "0"), volume.spec.capacity.get("storage", "0")
    if _size(asked) > _size(has):
        found.append(f"it has {has} of {asked}")
    return found


def _size(text: str) -> float:
    try:
        return float(quantity(text))
    except ValueError:
        return 0.0
