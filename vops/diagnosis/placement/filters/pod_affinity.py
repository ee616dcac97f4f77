"""Inter-pod affinity and anti-affinity, of the pod and of those that are there already; required terms only.

A term whose namespaceSelector asks for labels of namespaces other than their names is not decided here, since
namespaces are known by name only: such a pod has `undecided` set.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from vops.diagnosis.placement.filters.labels import Selects, in_words, label_selector
from vops.diagnosis.placement.filters.rooms import Room
from vops.model.pods import Pod
from vops.model.resources import Node

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_NAME_LABEL = "kubernetes.io/metadata.name"
_Domain = tuple[str, str]


class Side(StrEnum):
    """Whose rule keeps the pod away, in the scheduler's words."""

    AFFINITY = "pod affinity"
    ANTI_AFFINITY = "pod anti-affinity"
    EXISTING = "existing pods' anti-affinity"


class Repulsion(msgspec.Struct, frozen=True):
    """One term that keeps the pod away from a node.

    `domain` is the node's value of `topology_key`, "" where it has none; `pods` are those in the way, none for an
    affinity that finds no pod.
    """

    side: Side
    topology_key: str
    domain: str
    selector: str
    pods: tuple[Pod, ...] = ()


class Term(msgspec.Struct, frozen=True):
    """One required term; `namespaces` is None for every namespace."""

    topology_key: str
    selector: str
    selects: Selects
    namespaces: frozenset[str] | None
    namespace_selects: Selects | None = None

    def matches(self, pod: Pod) -> bool:
        meta = pod.metadata
        return self._of_namespace(meta.namespace) and self.selects(meta.labels)

    def _of_namespace(self, namespace: str) -> bool:
        if self.namespaces is None or namespace in self.namespaces:
            return True
        return self.namespace_selects is not None and self.namespace_selects({_NAME_LABEL: namespace})


def terms(pod: Pod, kind: str) -> tuple[tuple[Term, ...], bool]:
    """The required terms of `podAffinity` or `podAntiAffinity`, and whether one of them cannot be decided."""
    given = (pod.spec.affinity.get(kind) or {}).get(_REQUIRED) or ()
    decided = tuple(_term(item, pod) for item in given if not _undecided(item))
    return decided, len(decided) < len(given)


def _term(item: Mapping[str, Any], pod: Pod) -> Term:
    selector, of = item.get("labelSelector"), item.get("namespaceSelector")
    listed = frozenset(map(str, item.get("namespaces") or ()))
    everywhere = of is not None and not (of.get("matchLabels") or of.get("matchExpressions"))
    own = frozenset({pod.metadata.namespace}) if of is None and not listed else listed
    return Term(
        topology_key=str(item.get("topologyKey", "")),
        selector=in_words(selector),
        selects=label_selector(selector),
        namespaces=None if everywhere else own,
        namespace_selects=None if of is None or everywhere else label_selector(of),
    )


def _undecided(item: Mapping[str, Any]) -> bool:
    of = item.get("namespaceSelector") or {}
    keys = [*(of.get("matchLabels") or {}), *(part.get("key") for part in of.get("matchExpressions") or ())]
    return any(key != _NAME_LABEL for key in keys)


class Repellers:
    """The pods with required anti-affinity, which keep others away; made once for a snapshot."""

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self._rooms = rooms

    @cached_property
    def all(self) -> tuple[tuple[Pod, Node, tuple[Term, ...]], ...]:
        return tuple(
            (pod, room.node, terms(pod, "podAntiAffinity")[0])
            for room in self._rooms.values()
            for pod in room.pods
            if (pod.spec.affinity.get("podAntiAffinity") or {}).get(_REQUIRED)
        )


class PodAffinity:
    """The inter-pod rules around one pod."""

    def __init__(self, pod: Pod, rooms: Mapping[str, Room], repellers: Repellers) -> None:
        self._pod = pod
        self._rooms = rooms
        self._repellers = repellers
        self._wanted, doubt = terms(pod, "podAffinity")
        self._unwanted, other = terms(pod, "podAntiAffinity")
        self.undecided = doubt or other

    def repulsions(self, node: Node) -> tuple[Repulsion, ...]:
        """Every term that keeps the pod away from a node."""
        return (*self._affinity(node), *self._anti_affinity(node), *self._existing_rules(node))

    def _affinity(self, node: Node) -> Iterable[Repulsion]:
        labels = node.metadata.labels
        lacking = [
            term
            for term in self._wanted
            if not self._attracted[term.topology_key, labels.get(term.topology_key, "")]
            or term.topology_key not in labels
        ]
        if self._first_of_its_kind and all(term.topology_key in labels for term in self._wanted):
            return
        for term in lacking:
            yield Repulsion(Side.AFFINITY, term.topology_key, labels.get(term.topology_key, ""), term.selector)

    @cached_property
    def _attracted(self) -> Counter[_Domain]:
        """How many pods that match every affinity term are in each domain."""
        found: Counter[_Domain] = Counter()
        if not self._wanted:
            return found
        for room in self._rooms.values():
            count = sum(all(term.matches(pod) for term in self._wanted) for pod in room.pods)
            for term in self._wanted if count else ():
                if term.topology_key in room.node.metadata.labels:
                    found[term.topology_key, room.node.metadata.labels[term.topology_key]] += count
        return found

    @property
    def _first_of_its_kind(self) -> bool:
        """The first pod of a group with affinity to itself may go anywhere."""
        return not self._attracted and all(term.matches(self._pod) for term in self._wanted)

    def _anti_affinity(self, node: Node) -> Iterable[Repulsion]:
        for term in self._unwanted:
            domain = node.metadata.labels.get(term.topology_key)
            if domain is not None and (pods := self._unwelcome[term.topology_key, term.selector].get(domain)):
                yield Repulsion(Side.ANTI_AFFINITY, term.topology_key, domain, term.selector, tuple(pods))

    @cached_property
    def _unwelcome(self) -> dict[tuple[str, str], dict[str, list[Pod]]]:
        """For each anti-affinity term the pods that match it, by domain."""
        found: dict[tuple[str, str], dict[str, list[Pod]]] = defaultdict(lambda: defaultdict(list))
        for room in self._rooms.values() if self._unwanted else ():
            labels = room.node.metadata.labels
            for term in self._unwanted:
                if term.topology_key in labels:
                    matching = [pod for pod in room.pods if term.matches(pod)]
                    found[term.topology_key, term.selector][labels[term.topology_key]] += matching
        return found

    def _existing_rules(self, node: Node) -> Iterable[Repulsion]:
        for key, domain, selector, pods in self._against_us:
            if node.metadata.labels.get(key) == domain:
                yield Repulsion(Side.EXISTING, key, domain, selector, pods)

    @cached_property
    def _against_us(self) -> tuple[tuple[str, str, str, tuple[Pod, ...]], ...]:
        """The domains that pods which are there keep this one out of, with those pods."""
        found: dict[tuple[str, str, str], list[Pod]] = defaultdict(list)
        for other, node, rules in self._repellers.all:
            for term in rules:
                domain = node.metadata.labels.get(term.topology_key)
                if domain is not None and term.matches(self._pod):
                    found[term.topology_key, domain, term.selector].append(other)
        return tuple((*key, tuple(pods)) for key, pods in found.items())
