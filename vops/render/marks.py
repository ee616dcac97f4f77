"""What happened to a replica, its workload, its autoscaler and its node: letters for the time axis of its charts.

From events where there are some; what the objects themselves tell (revisions, deaths, conditions) does not expire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from vops.diagnosis.facts import Replica, WorkloadFacts
from vops.model.configuration import ConfigHistory
from vops.model.objects import Ref
from vops.model.resources import Event, Workload
from vops.model.text import one_line
from vops.render.revisions import new_in, revision

_EVENTS: dict[str, tuple[str, str]] = {
    "Started": ("S", "a container started"),
    "Killing": ("K", "a container was ended"),
    "BackOff": ("B", "restarts are put off"),
    "Unhealthy": ("u", "a probe failed"),
    "ScalingReplicaSet": ("R", "a rollout or a scaling"),
    "SuccessfulRescale": ("A", "the autoscaler scaled"),
    "KEDAScaleTargetActivated": ("A", "the autoscaler scaled"),
    "NodeNotReady": ("N", "the node was lost"),
    "NodeReady": ("n", "the node is back"),
    "NodeNotSchedulable": ("X", "the node was cordoned"),
    "NodeSchedulable": ("x", "the node was uncordoned"),
    "Rebooted": ("r", "the node was rebooted"),
    "NodeHasDiskPressure": ("P", "the node has no room left"),
    "NodeHasMemoryPressure": ("P", "the node has no room left"),
    "Evicted": ("E", "the pod was evicted"),
    "Preempted": ("E", "the pod was preempted"),
}
CONFIGURATION, CONFIG_MAP, DEATH = "C", "M", "D"
_CHANGES = frozenset({CONFIGURATION, CONFIG_MAP, "R", "A", "N", "X", "r"})
"""What may be the cause of what comes after it."""


class Mark(NamedTuple):
    """One moment: its letter, what the letter means, and what exactly happened (empty: no more than that)."""

    at: datetime
    letter: str
    means: str
    what: str = ""

    @property
    def is_change(self) -> bool:
        return self.letter in _CHANGES


def marks_of(replica: Replica, history: ConfigHistory | None = None) -> list[Mark]:
    """Everything that is known to have happened around a replica, oldest first; with what was read of its
    configuration, where it was."""
    workload = _workload_of(replica)
    found = [*_of_events(_events(replica, workload)), *_of_objects(replica)]
    found += _of_history(history) if history is not None else []
    found += _of_revisions(workload) if workload is not None else []
    return sorted(dict.fromkeys(found), key=lambda mark: mark.at)


def _workload_of(replica: Replica) -> WorkloadFacts | None:
    owner = replica.owner
    return replica.facts.workload(owner.kind, owner.namespace, owner.name) if owner is not None else None


def _events(replica: Replica, workload: WorkloadFacts | None) -> Iterator[Event]:
    """Of the pod, its workload, its autoscalers and its node."""
    yield from replica.events
    node = replica.pod.spec.node_name
    if node:
        # The kubelet's events about a node have the node's name for a uid.
        yield from replica.facts.events_of(Ref("Node", node))
    if workload is not None:
        yield from workload.events
        for scaler in workload.scalers:
            yield from scaler.events


def _of_events(events: Iterable[Event]) -> Iterator[Mark]:
    for event in events:
        known = _EVENTS.get(event.reason)
        if known is not None and event.last_seen is not None:
            yield Mark(event.last_seen, *known, one_line(event.message, 120))


def _of_objects(replica: Replica) -> Iterator[Mark]:
    death = replica.last_death
    if death is not None and death.finished_at is not None:
        yield Mark(death.finished_at, DEATH, "a container died", f"exit {death.exit_code} {death.reason}".strip())
    conditions = replica.node.status.conditions if replica.node is not None else ()
    ready = next((item for item in conditions if item.type == "Ready"), None)
    if ready is not None and ready.status != "True" and ready.last_transition_time is not None:
        yield Mark(ready.last_transition_time, *_EVENTS["NodeNotReady"], one_line(ready.message, 120))


def _of_revisions(workload: WorkloadFacts) -> Iterator[Mark]:
    """Each new template of a Deployment, with what of it is new."""
    for before, after in pairwise(sorted(workload.replicasets, key=revision)):
        at = after.metadata.creation_timestamp
        if at is not None:
            yield Mark(at, CONFIGURATION, "a new configuration", f"revision {revision(after)}: {_new(before, after)}")


def _new(before: Workload, after: Workload) -> str:
    return new_in(before.spec.template, after.spec.template)


def _of_history(history: ConfigHistory) -> Iterator[Mark]:
    """Each new template of a StatefulSet, and each ConfigMap that was made or changed."""
    for before, after in pairwise(history.revisions):
        at = after.metadata.creation_timestamp
        if at is not None:
            new = new_in(before.data.spec.template, after.data.spec.template)
            yield Mark(at, CONFIGURATION, "a new configuration", f"revision {after.revision}: {new}")
    for change in history.changes:
        late = ", read when its container starts" if change.at_start else ""
        told = f"configmap/{change.name}" + (" made" if change.made else f" by {change.by or 'somebody'}") + late
        yield Mark(change.at, CONFIG_MAP, "a ConfigMap was changed", one_line(told, 120))
