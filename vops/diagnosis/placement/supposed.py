"""Placement as it would be: once some pods are gone, and copies of a new one are on nodes.

Every filter of vops.diagnosis.placement.recompute is asked again, so that affinity, spread, host ports and volumes
count as they will then. A volume that one node at a time may have does not keep the scheduler from another node, but
the pod from starting there; so as long as any node that the scheduler may choose is such a one, the pod finds no place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from vops.diagnosis.facts import Facts
from vops.diagnosis.placement.filters.pod_affinity import Repellers
from vops.diagnosis.placement.filters.rooms import Room
from vops.diagnosis.placement.filters.volumes import Storage, claim_names
from vops.diagnosis.placement.recompute import Placement, Surroundings
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.model.pods import Pod
from vops.model.storage import PersistentVolumeClaim

_MANY_NODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_WORDS = {
    Obstacle.PORTS: "its host port is taken on every node that has room",
    Obstacle.POD_AFFINITY: "pod affinity or anti-affinity keeps it from every node that has room",
    Obstacle.SPREAD: "its topology spread constraints keep it from every node that has room",
}


class Supposed:
    """One new pod, and where copies of it find a place; `leaving` are the uids of pods that are on their way out."""

    def __init__(self, facts: Facts, pod: Pod, leaving: frozenset[str] = frozenset()) -> None:
        self._facts = facts
        self._pod = pod
        self._leaving = leaving
        self._base = facts.placement(pod).around

    def next(self, gone: Sequence[str], new: Sequence[str]) -> str:
        """The node of one more copy, beside those on the nodes `new`, the pods `gone` being away; empty for none."""
        then = self._then(gone, new)
        if then.claim_blocks or self._held(then):
            return ""
        return next((fit.name for fit in then.fitting), "")

    def why(self, gone: Sequence[str], new: Sequence[str]) -> str:
        """What beside room keeps that copy from a place, in words; empty where there is nothing else."""
        then = self._then(gone, new)
        for block in then.claim_blocks:
            holder = f", and {block.holder.metadata.name} has it" if block.holder else ""
            return f"claim {block.name} is {block.trouble}{holder}"
        for claim, node in self._held(then):
            return f"claim {claim} may be on one node at a time, and {node} has it"
        lack_nothing = [fit for fit in then.fits if fit.allowed and not fit.short and not fit.full and fit.obstacles]
        kinds = {kind for fit in lack_nothing for kind in fit.obstacles}
        return next((words for kind, words in _WORDS.items() if kind in kinds), "")

    def _then(self, gone: Sequence[str], new: Sequence[str]) -> Placement:
        away = self._leaving | frozenset(gone)
        rooms = {name: self._room(room, away, new) for name, room in self._base.rooms.items()}
        around = Surroundings(rooms, Repellers(rooms), self._storage(rooms), self._base.devices)
        return Placement(self._pod, around)

    def _room(self, room: Room, away: frozenset[str], new: Sequence[str]) -> Room:
        """A node with the pods that are left and the copies; itself where that changes nothing."""
        name = room.node.metadata.name
        left = tuple(pod for pod in room.pods if pod.metadata.uid not in away)
        copies = tuple(self._copy(name, number) for number, node in enumerate(new) if node == name)
        return Room(room.node, (*left, *copies)) if copies or len(left) < len(room.pods) else room

    def _copy(self, node: str, number: int) -> Pod:
        meta = msgspec.structs.replace(self._pod.metadata, name=f"new-{number}", uid=f"new-{number}")
        return Pod(metadata=meta, spec=msgspec.structs.replace(self._pod.spec, node_name=node))

    def _storage(self, rooms: Mapping[str, Room]) -> Storage:
        known = self._base.storage
        return Storage(
            known.claims.values(),
            known.volumes.values(),
            known.classes.values(),
            [pod for room in rooms.values() for pod in room.pods],
            readable=known.readable,
            volumes_readable=known.volumes_readable,
            classes_readable=known.classes_readable,
        )

    @cached_property
    def _of_one_node(self) -> tuple[PersistentVolumeClaim, ...]:
        """The claims of the pod whose volume one node at a time may have."""
        storage, meta = self._base.storage, self._pod.metadata
        known = (storage.claim(meta.namespace, name) for name in claim_names(self._pod))
        return tuple(item for item in known if item is not None and not _MANY_NODES & set(item.spec.access_modes))

    def _held(self, then: Placement) -> tuple[tuple[str, str], ...]:
        """The claims that another node has than one which the scheduler may choose, with that node."""
        return tuple(self._elsewhere(then))

    def _elsewhere(self, then: Placement) -> Iterator[tuple[str, str]]:
        for claim in self._of_one_node:
            meta = claim.metadata
            users = then.around.storage.users.get((meta.namespace, meta.name), ())
            for holder in sorted({user.spec.node_name for user in users}):
                if any(fit.name != holder for fit in then.fitting):
                    yield meta.name, holder
