"""Whether a rolling update can end: a small model of the Deployment controller over GPU slots.

The controller may only start `maxSurge` pods too many and stop pods as long as `replicas - maxUnavailable` are
available (rolling.go of Kubernetes 1.36: new pods first, then unhealthy old ones, then healthy ones). With every GPU
taken, a rounding of maxUnavailable to 0 means that the new pod never starts: the state repeats, and that is the proof.
Leaves out CPU, memory and volumes: whoever counts the free GPUs of a node has looked at those. Where counting is not
enough, since pods keep each other away, it asks `Places` for the node of each new pod.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from vops.model.rollouts import Bounds


class OldPod(msgspec.Struct, frozen=True):
    """A pod of the old template: where it runs ("" when it has no node), whether it serves, and who it is."""

    node: str = ""
    available: bool = False
    uid: str = ""


class Places(Protocol):
    """Where new pods find a place once the old ones `gone` (by uid) have stopped, others being on the nodes `new`."""

    def next(self, gone: Sequence[str], new: Sequence[str]) -> str:
        """The node of one more; empty for none."""

    def why(self, gone: Sequence[str], new: Sequence[str]) -> str:
        """What beside room keeps it from a place; empty where it is room."""


class Fleet(msgspec.Struct, frozen=True):
    """What a rollout starts from.

    `free` are the GPUs that a new pod could take on each node it may run on; `gpus` what one new pod takes, `old_gpus`
    what stopping an old one gives back. `new_nodes` are the nodes of new pods that exist already ("" when pending).
    """

    replicas: int
    gpus: int
    old_gpus: int
    free: dict[str, int]
    old: tuple[OldPod, ...] = ()
    new_nodes: tuple[str, ...] = ()


class Moment(msgspec.Struct, frozen=True):
    """One state of a rollout: pods of the old template and of the new one, how many of these wait for a GPU or load,
    and how many pods of either serve."""

    old: int
    new: int
    pending: int
    loading: int
    available: int


class Outcome(msgspec.Struct, frozen=True):
    """How a rollout goes: whether it ends, every state on the way, and the fewest pods that serve meanwhile."""

    ends: bool
    moments: tuple[Moment, ...]
    reason: str = ""

    @property
    def min_available(self) -> int:
        return min(moment.available for moment in self.moments)


def simulate(fleet: Fleet, limits: Bounds | None, places: Places | None = None) -> Outcome:
    """Runs the model until the rollout ends or repeats itself; `limits` None is the Recreate strategy."""
    state = _State(fleet, places)
    moments = [state.moment()]
    while not state.finished:
        state.load()
        state.reconcile(limits)
        state.schedule()
        moment = state.moment()
        if moment == moments[-1]:
            return Outcome(False, tuple(moments), _why_stuck(fleet, limits, moment, state.why()))
        moments.append(moment)
    return Outcome(True, tuple(moments))


class _State:
    """The moving parts of one simulation."""

    def __init__(self, fleet: Fleet, places: Places | None) -> None:
        self.fleet = fleet
        self._places = places
        self._gone: list[str] = []
        self._fresh: list[str] = []
        self.free = dict(fleet.free)
        self.old = sorted(fleet.old, key=lambda pod: (pod.available, bool(pod.node)))
        self.new = [node for node in fleet.new_nodes if node]
        self.pending = sum(not node for node in fleet.new_nodes)
        self.loading = len(self.new)
        self.available = sum(pod.available for pod in fleet.old)

    @property
    def finished(self) -> bool:
        return not self.old and len(self.new) >= self.fleet.replicas and not self.pending and not self.loading

    def moment(self) -> Moment:
        return Moment(len(self.old), len(self.new) + self.pending, self.pending, self.loading, self.available)

    def load(self) -> None:
        """The pods that have a node serve."""
        self.available += self.loading
        self.loading = 0

    def reconcile(self, limits: Bounds | None) -> None:
        """One pass of the controller: as many new pods and as few old ones as it may."""
        if limits is None:
            self._stop(len(self.old))
            self.pending = self.fleet.replicas - len(self.new)
            return
        new = len(self.new) + self.pending
        room = self.fleet.replicas + limits.surge - len(self.old) - new
        self.pending += max(0, min(room, self.fleet.replicas - new))
        self._stop_old(self.fleet.replicas - limits.unavailable)

    def _stop_old(self, min_available: int) -> None:
        """First the unhealthy, then as many healthy ones as the minimum lets go."""
        total = len(self.old) + len(self.new) + self.pending
        may_stop = total - min_available - self.pending
        unhealthy = sum(not pod.available for pod in self.old)
        stopped = max(0, min(may_stop, unhealthy))
        self._stop(stopped)
        healthy = min(len(self.old) - (unhealthy - stopped), self.available - min_available)
        if may_stop > 0 and stopped == unhealthy:
            self._stop(max(0, healthy))

    def _stop(self, count: int) -> None:
        for pod in self.old[:count]:
            if pod.node in self.free:
                self.free[pod.node] += self.fleet.old_gpus
            self.available -= pod.available
            self._gone.append(pod.uid)
        self.old = self.old[count:]

    def schedule(self) -> None:
        """Pending new pods take whatever node has room."""
        if self._places is not None:
            self._ask(self._places)
            return
        for node in self.free:
            while self.pending and self.free[node] >= self.fleet.gpus:
                self.free[node] -= self.fleet.gpus
                self.new.append(node)
                self.pending -= 1
                self.loading += 1

    def _ask(self, places: Places) -> None:
        while self.pending and (node := places.next(self._gone, self._fresh)):
            self._fresh.append(node)
            self.new.append(node)
            self.pending -= 1
            self.loading += 1

    def why(self) -> str:
        """What beside room keeps the next new pod from a place."""
        return self._places.why(self._gone, self._fresh) if self._places is not None else ""


def _why_stuck(fleet: Fleet, limits: Bounds | None, moment: Moment, beside: str) -> str:
    """The counter-example in one sentence; `beside` is what else than room a new pod waits for."""
    waits = "1 new pod waits" if moment.pending == 1 else f"{moment.pending} new pods wait"
    gpus = "1 GPU" if fleet.gpus == 1 else f"{fleet.gpus} GPUs"
    need = f"{waits} for {gpus}{'' if moment.pending == 1 else ' each'}"
    if beside:
        stop = ", and the controller may not stop an old pod first" if limits is not None and moment.old else ""
        return f"{waits}, since {beside}{stop}"
    if limits is None or not moment.old:
        they = "it" if moment.pending == 1 else "they"
        return f"{need}, and no node that {they} may use has so many free"
    hold, one = ("1 old pod holds", "it") if moment.old == 1 else (f"{moment.old} old pods hold", "one of them")
    return (
        f"{need}, {hold} the GPUs, and with maxUnavailable {limits.unavailable} of {fleet.replicas} "
        f"the controller may not stop {one} first"
    )
