"""The scheduler: binds pending pods, and tells of those it cannot place in the exact words of kube-scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, condition, key_of, terminating
from vops.lab.controllers.claims import SELECTED_NODE, Claims, claims_of
from vops.lab.controllers.neighbours import Neighbours
from vops.lab.controllers.placement import (
    NOT_HELPFUL,
    Amounts,
    Refusal,
    amounts,
    lack_of_room,
    requests_of,
    unschedulable_message,
    unwelcome,
    used_on,
)
from vops.lab.controllers.preemption import victims_on
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.lab.store import Documents
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.world import World

_FIRST_BACK_OFF_S = 1.0
_LAST_BACK_OFF_S = 10.0
_FLUSH_S = 300.0
"""A pod that nothing happens to is tried again after five minutes."""


_NONE = Refusal((), hopeless=True)


@dataclass
class _Pending:
    """One waiting pod: how often it was tried, when it may be tried again, and when it will be anyway."""

    tries: int = 0
    not_before: float = 0.0
    next_try: Timer | None = None

    def forget(self) -> None:
        if self.next_try:
            self.next_try.cancel()


class Scheduler(Controller):
    """One queue; pods are tried in order of creation, again when a node or pod changes, and backed off between."""

    name = "default-scheduler"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._pending: dict[Key, _Pending] = {}

    def notice(self, change: Change) -> None:
        if change.kind.kind == "Pod":
            self._notice_pod(change)
        elif change.kind.kind in ("Node", "PersistentVolumeClaim", "PersistentVolume"):
            self._wake_all()

    def _notice_pod(self, change: Change) -> None:
        pod = change.document
        if change.type == "DELETED":
            self._drop(change.key)
            self._wake_all()
        elif self._waits(pod) and (change.old is None or change.old.document["spec"] != pod["spec"]):
            self._pending.setdefault(change.key, _Pending()).not_before = 0.0
            self.mark(change.key)
        elif pod.get("status", {}).get("phase") in ("Succeeded", "Failed") or _just_bound(change):
            self._wake_all()

    def _waits(self, pod: Document) -> bool:
        spec = pod["spec"]
        mine = spec.get("schedulerName", self.name) == self.name
        return mine and not spec.get("nodeName") and not terminating(pod)

    def _wake_all(self) -> None:
        for key in self._pending:
            self.mark(key)

    def reconcile(self, key: Key) -> None:
        pod = self.store.find("v1", "Pod", *key)
        pending = self._pending.get(key)
        if pod is None or pending is None or not self._waits(pod):
            self._drop(key)
            return
        if self.world.now < pending.not_before:
            self._try_at(key, pending, pending.not_before)
            return
        if gates := pod["spec"].get("schedulingGates"):
            self._say_gated(pod, [gate["name"] for gate in gates])
            return
        self._schedule(pod, pending)

    def _drop(self, key: Key) -> None:
        if pending := self._pending.pop(key, None):
            pending.forget()

    def _try_at(self, key: Key, pending: _Pending, when: float) -> None:
        if pending.next_try and pending.next_try.when == when:
            return
        pending.forget()
        pending.next_try = self.world.at(when, lambda: self.mark(key))

    def _schedule(self, pod: Document, pending: _Pending) -> None:
        used = used_on(self.store.list("v1", "Pod"))
        nodes = self.store.list("v1", "Node")
        claims = claims_of(self.store, pod)
        if claims.blocked:
            self._refuse(pod, f"0/{len(nodes)} nodes are available: {claims.blocked}. {_after(claims, len(nodes))}")
            self._back_off(pod, pending)
            return
        neighbours = Neighbours(self.store.list("v1", "Pod"), nodes)
        refusals = {
            node["metadata"]["name"]: unwelcome(pod, node)
            or neighbours.ports(pod, node)
            or lack_of_room(pod, node, used.get(node["metadata"]["name"], {}))
            or claims.refusal(node)
            or neighbours.refusal(pod, node)
            for node in nodes
        }
        fitting = [node for node in nodes if refusals[node["metadata"]["name"]] is None]
        if fitting:
            chosen = max(fitting, key=lambda node: _score(pod, node, used.get(node["metadata"]["name"], {})))
            if claims.waiting:
                self._select_for(claims.waiting, chosen)
            else:
                self._bind(pod, chosen)
            return
        may_preempt = pod["spec"].get("preemptionPolicy") != "Never"
        message = unschedulable_message([item for item in refusals.values() if item], may_preempt=may_preempt)
        hopeful = [node for node in nodes if not (refusals[node["metadata"]["name"]] or _NONE).hopeless]
        if may_preempt and self._preempts(pod, hopeful):
            message = message.partition(" no new claims to deallocate")[0]
        self._refuse(pod, message)
        self._back_off(pod, pending)

    def _preempts(self, pod: Document, nodes: Documents) -> bool:
        """Makes room on the node that loses least, or waits for the room that is being made."""
        nominated = pod.get("status", {}).get("nominatedNodeName")
        pods = self.store.list("v1", "Pod")
        if any(terminating(item) and item["spec"].get("nodeName") == nominated for item in pods if nominated):
            return True
        running = [item for item in pods if not terminating(item)]
        found = [(victims, node) for node in nodes if (victims := victims_on(pod, node, running))]
        if not found:
            return False
        victims, node = min(found, key=lambda entry: (max(map(_priority, entry[0])), len(entry[0])))
        for victim in victims:
            self._evict(victim, pod, node["metadata"]["name"])
        self.store.patch_status("v1", "Pod", *key_of(pod), {"nominatedNodeName": node["metadata"]["name"]})
        return True

    def _evict(self, victim: Document, pod: Document, node: str) -> None:
        marked = copy_of(victim)
        target = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": f"{self.name}: preempting to accommodate a higher priority pod",
            "lastTransitionTime": timestamp(self.world.clock.now()),
        }
        marked["status"]["conditions"] = [*marked["status"].get("conditions", ()), target]
        self.store.update_status(marked, manager="kube-scheduler")
        said = f"Preempted by pod {pod['metadata']['uid']} on node {node}"
        self.world.events.record_new(victim, "Normal", "Preempted", said, by=self.name, action="Preempting")
        self.store.delete("v1", "Pod", *key_of(victim), uid=victim["metadata"]["uid"])

    def work(self) -> bool:
        """The most important pods are tried first, and of equal ones those that have waited longest."""
        waiting = {key: self.store.find("v1", "Pod", *key) for key in self._queue}
        self._queue = dict.fromkeys(sorted(self._queue, key=lambda key: _turn(waiting[key])))
        return super().work()

    def _back_off(self, pod: Document, pending: _Pending) -> None:
        pending.tries += 1
        back_off = min(_FIRST_BACK_OFF_S * 2 ** (pending.tries - 1), _LAST_BACK_OFF_S)
        pending.not_before = self.world.now + back_off
        self._try_at(key_of(pod), pending, self.world.now + _FLUSH_S)

    def _select_for(self, claims: Documents, node: Document) -> None:
        """Has the volumes made where the pod is to run; it is bound once they are."""
        for claim in claims:
            selected = copy_of(claim)
            notes = selected["metadata"].setdefault("annotations", {})
            if SELECTED_NODE not in notes:
                notes[SELECTED_NODE] = node["metadata"]["name"]
                self.store.update(selected, manager="kube-scheduler")

    def _bind(self, pod: Document, node: Document) -> None:
        key = key_of(pod)
        name = node["metadata"]["name"]
        bound = copy_of(pod)
        bound["spec"]["nodeName"] = name
        self._drop(key)
        self.store.update(bound, manager="kube-scheduler")
        self._set_scheduled(key, {"status": "True"})
        message = f"Successfully assigned {key[0]}/{key[1]} to {name}"
        self.world.events.record_new(
            self.store.get("v1", "Pod", *key), "Normal", "Scheduled", message, by=self.name, action="Binding"
        )

    def _refuse(self, pod: Document, message: str) -> None:
        self.world.events.record_new(pod, "Warning", "FailedScheduling", message, by=self.name, action="Scheduling")
        self._set_scheduled(key_of(pod), {"status": "False", "reason": "Unschedulable", "message": message})

    def _say_gated(self, pod: Document, gates: list[str]) -> None:
        message = f"Scheduling is blocked due to non-empty scheduling gates: {gates}".replace("'", "")
        self._set_scheduled(key_of(pod), {"status": "False", "reason": "SchedulingGated", "message": message})

    def _set_scheduled(self, key: Key, members: Document) -> None:
        pod = copy_of(self.store.get("v1", "Pod", *key))
        before = condition(pod, "PodScheduled")
        same_side = before is not None and before["status"] == members["status"]
        since = before["lastTransitionTime"] if before and same_side else timestamp(self.world.clock.now())
        scheduled = {
            "type": "PodScheduled",
            "observedGeneration": pod["metadata"].get("generation", 1),
            "lastProbeTime": None,
            "lastTransitionTime": since,
            **members,
        }
        status = pod.setdefault("status", {"phase": "Pending"})
        others = [item for item in status.get("conditions", ()) if item["type"] != "PodScheduled"]
        status["conditions"] = [*others, scheduled]
        self.store.update_status(pod)


def _priority(pod: Document) -> int:
    return int(pod["spec"].get("priority", 0))


def _turn(pod: Document | None) -> tuple[int, str]:
    return (-_priority(pod), pod["metadata"]["creationTimestamp"]) if pod else (0, "")


def _just_bound(change: Change) -> bool:
    """Whether a pod has come to a node, near which others may wait to go."""
    old = change.old.document if change.old else None
    return old is not None and not old["spec"].get("nodeName") and bool(change.document["spec"].get("nodeName"))


def _after(claims: Claims, nodes: int) -> str:
    """What the scheduler says of preemption when a pod's claims keep it from every node."""
    if claims.missing:
        return "not found"  # the preemption plugin looks the claim up again, and says no more than that
    tail = f"preemption: 0/{nodes} nodes are available: {nodes} {NOT_HELPFUL}."
    return f"no new claims to deallocate, {tail}"


def _score(pod: Document, node: Document, used: Amounts) -> tuple[float, str]:
    """More is better: the share of cpu and memory that stays free; equal nodes go by name."""
    allocatable = amounts(node["status"].get("allocatable", {}))
    wanted = requests_of(pod)
    free = [
        1 - (used.get(name, 0) + wanted.get(name, 0)) / allocatable[name]
        for name in ("cpu", "memory")
        if allocatable.get(name)
    ]
    tie = "".join(chr(0x10FFFF - ord(letter)) for letter in node["metadata"]["name"])
    return (round(sum(free) / max(1, len(free)), 6), tie)
