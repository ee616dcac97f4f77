"""Topology spread constraints that must be met (DoNotSchedule), counted as the scheduler counts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from vops.diagnosis.placement.filters.labels import Selects, label_selector
from vops.diagnosis.placement.filters.node_affinity import mismatches
from vops.diagnosis.placement.filters.rooms import Room
from vops.diagnosis.placement.filters.taints import blocks
from vops.model.pods import Pod
from vops.model.resources import Node


class Skew(msgspec.Struct, frozen=True):
    """A constraint that placing the pod on a node would break: `there` pods in its domain, `least` in the emptiest.

    `domain` is "" where the node lacks the label: such a node takes no pod of this kind at all.
    """

    topology_key: str
    domain: str
    there: int
    least: int
    allowed: int


class _Constraint(msgspec.Struct, frozen=True):
    key: str
    max_skew: int
    min_domains: int
    honors_affinity: bool
    honors_taints: bool
    selects: Selects
    empty: bool


class Spread:
    """The spread constraints of one pod over the nodes of a snapshot."""

    def __init__(self, pod: Pod, rooms: Mapping[str, Room]) -> None:
        self._pod = pod
        self._rooms = rooms
        given = (item for item in pod.spec.topology_spread_constraints if _must(item))
        self._constraints = tuple(_constraint(item, pod) for item in given)

    def skews(self, node: Node) -> tuple[Skew, ...]:
        """Every constraint that the pod would break on a node."""
        found = (self._skew(index, item, node) for index, item in enumerate(self._constraints))
        return tuple(skew for skew in found if skew is not None)

    def _skew(self, index: int, constraint: _Constraint, node: Node) -> Skew | None:
        domain = node.metadata.labels.get(constraint.key)
        if domain is None:
            return Skew(constraint.key, "", 0, 0, constraint.max_skew)
        counts = self._counts[index]
        least = 0 if len(counts) < constraint.min_domains else min(counts.values(), default=0)
        there = counts.get(domain, 0)
        own = constraint.selects(self._pod.metadata.labels)
        if there + own - least <= constraint.max_skew:
            return None
        return Skew(constraint.key, domain, there, least, constraint.max_skew)

    @cached_property
    def _counts(self) -> tuple[dict[str, int], ...]:
        """For each constraint the matching pods by domain, of the nodes that count for it."""
        found: tuple[dict[str, int], ...] = tuple({} for _ in self._constraints)
        for room in self._rooms.values():
            labels = room.node.metadata.labels
            if any(item.key not in labels for item in self._constraints):
                continue
            for item, counts in zip(self._constraints, found, strict=True):
                if self._counts_for(item, room.node):
                    domain = labels[item.key]
                    counts[domain] = counts.get(domain, 0) + self._matching(item, room)
        return found

    def _counts_for(self, constraint: _Constraint, node: Node) -> bool:
        spec = self._pod.spec
        if constraint.honors_affinity and mismatches(node, spec):
            return False
        return not (constraint.honors_taints and any(blocks(taint, spec.tolerations) for taint in node.spec.taints))

    def _matching(self, constraint: _Constraint, room: Room) -> int:
        if constraint.empty:
            return 0
        namespace = self._pod.metadata.namespace
        return sum(
            pod.metadata.namespace == namespace
            and pod.metadata.deletion_timestamp is None
            and constraint.selects(pod.metadata.labels)
            for pod in room.pods
        )


def _must(item: Mapping[str, Any]) -> bool:
    return item.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule" and bool(item.get("topologyKey"))


def _constraint(item: Mapping[str, Any], pod: Pod) -> _Constraint:
    labels, selector = pod.metadata.labels, item.get("labelSelector")
    more = {key: labels[key] for key in item.get("matchLabelKeys") or () if key in labels}
    return _Constraint(
        key=str(item.get("topologyKey", "")),
        max_skew=int(item.get("maxSkew") or 1),
        min_domains=int(item.get("minDomains") or 1),
        honors_affinity=item.get("nodeAffinityPolicy", "Honor") != "Ignore",
        honors_taints=item.get("nodeTaintsPolicy", "Ignore") == "Honor",
        selects=label_selector(selector, more),
        empty=not (selector or more),
    )
