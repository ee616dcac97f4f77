"""Volumes that are attached to another node: what the attach-detach controller and the drivers say, and who holds them.

Sources: reconciler.go of the attach-detach controller (`Multi-Attach error for volume …`), and the refusals of cloud
disks: EBS `already attached to`/`VolumeInUse`, Persistent Disk `RESOURCE_IN_USE_BY_ANOTHER_RESOURCE`, Azure
`is currently attached to VM`/`already attached`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.placement.filters.volumes import claim_names
from vops.diagnosis.starting.creation import persists, stuck_at
from vops.diagnosis.states import ReplicaState
from vops.model.patterns import lazy_pattern
from vops.model.pods import Pod
from vops.model.resources import Event, Node
from vops.model.storage import PersistentVolumeClaim

_REASONS = ("FailedAttachVolume",)
_VOLUME = lazy_pattern(r'volume "(?P<name>[^"\s]{1,253})"')
_USED_BY = lazy_pattern(r"already used by pod\(s\) (?P<pods>[\w., -]{1,500}?)(?: and \d+ pod|$)")
_ELSEWHERE = lazy_pattern(
    r"Multi-Attach error|already exclusively attached|already attached to (?!the)"
    r"|RESOURCE_IN_USE_BY_ANOTHER_RESOURCE|VolumeInUse"
    r"|currently (?:attached|used) (?:to|by)|is (?:already )?attached to (?:another|a different|node|instance|vm)"
    r"|being used by VM|volume is in use by",
    re.IGNORECASE,
)

_OF_ANOTHER_ZONE = lazy_pattern(
    r"same (?:availability )?zone|different zone|zone ?mismatch|not in (?:the )?zone\b", re.IGNORECASE
)


class Held(msgspec.Struct, frozen=True):
    """A volume that another node has; `holders` are the pods there that use its claim, `named` those of the event."""

    event: Event
    volume: str = ""
    claim: PersistentVolumeClaim | None = None
    holders: tuple[Pod, ...] = ()
    named: tuple[str, ...] = ()


def held_elsewhere(replica: Replica) -> Held | None:
    """What keeps a pod that is being created waiting for a volume; None where nothing says so."""
    event = refused_attachment(replica, elsewhere)
    if event is None or _attached(replica, event):
        return None
    match, used = _VOLUME.search(event.message), _USED_BY.search(event.message)
    volume = match["name"] if match else ""
    names = tuple(name.strip() for name in used["pods"].split(",")) if used else ()
    claim = _claim(replica, volume)
    return Held(event, volume, claim, _holders(replica, claim, names), names)


def refused_attachment(replica: Replica, says: Callable[[str], bool]) -> Event | None:
    """The failure to attach a volume that keeps a pod from being created, where it says so; None where none does."""
    event = stuck_at(replica, _REASONS) if replica.state is ReplicaState.CREATING else None
    return event if event is not None and says(event.message) and persists(replica, event) else None


def elsewhere(message: str) -> bool:
    """Whether a failure to attach a volume says that another node has it."""
    return _ELSEWHERE.search(message) is not None


def of_another_zone(message: str) -> bool:
    """Whether a failure to attach a volume says that it is in another zone than the node."""
    return _OF_ANOTHER_ZONE.search(message) is not None


def _attached(replica: Replica, event: Event) -> bool:
    """Whether a volume was attached after all, as a later event tells."""
    failed = event.last_seen
    succeeded = (item.last_seen for item in replica.events if item.reason == "SuccessfulAttachVolume")
    return failed is not None and any(seen is not None and seen > failed for seen in succeeded)


def lost_node(replica: Replica, held: Held) -> tuple[str, Node | None]:
    """The node that holds the volume and is not ready, or gone; an empty name where it is well."""
    for pod in held.holders:
        name = pod.spec.node_name
        node = replica.facts.nodes.get(name)
        if node is None and replica.facts.nodes and pod.status.reason == "NodeLost":
            return name, None
        if node is not None and any(item.type == "Ready" and item.status != "True" for item in node.status.conditions):
            return name, node
    return "", None


def _claim(replica: Replica, volume: str) -> PersistentVolumeClaim | None:
    """The claim of the pod that is bound to a volume; the only one it has where the event names none."""
    storage = replica.facts.storage
    known = [storage.claim(replica.namespace, name) for name in claim_names(replica.pod)]
    claims = [item for item in known if item is not None]
    bound = next((item for item in claims if volume and item.spec.volume_name == volume), None)
    return bound or (claims[0] if len(claims) == 1 else None)


def _holders(replica: Replica, claim: PersistentVolumeClaim | None, named: tuple[str, ...]) -> tuple[Pod, ...]:
    """The pods on other nodes that use the claim, or that the event names."""
    facts = replica.facts
    users = facts.storage.users.get((claim.metadata.namespace, claim.metadata.name), []) if claim is not None else []
    if not users and claim is None:
        names = claim_names(replica.pod)
        users = [pod for name in names for pod in facts.storage.users.get((replica.namespace, name), [])]
    known = [facts.pods.get((replica.namespace, name)) for name in named]
    found = {pod.metadata.uid: pod for pod in (*users, *(pod for pod in known if pod is not None))}
    return tuple(pod for pod in found.values() if pod.spec.node_name != replica.pod.spec.node_name)
