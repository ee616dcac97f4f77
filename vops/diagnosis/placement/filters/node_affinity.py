"""Node selectors and required node affinity: what a node's labels and name lack.

The same terms say which nodes reach a volume or an allocated device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vops.diagnosis.placement.filters.taints import compare
from vops.model.pods import PodSpec
from vops.model.resources import Node

_BETA = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
"""Labels that old volumes still name, and what nodes call them now."""


class Mismatch(msgspec.Struct, frozen=True):
    """One label requirement that a node does not meet: what is asked, and what the node has ("" for nothing)."""

    key: str
    wanted: str
    has: str
    values: tuple[str, ...] = ()
    """The values that would do, where the requirement lists them."""


def mismatches(node: Node, spec: PodSpec) -> tuple[Mismatch, ...]:
    """What a node lacks of the pod's node selector and of its required node affinity."""
    return (*_selector_mismatches(node, spec.node_selector), *_affinity_mismatches(node, spec.affinity))


def selects_nodes(spec: PodSpec) -> bool:
    """Whether the pod picks its nodes by labels at all."""
    return bool(spec.node_selector or required_terms(spec.affinity))


def required_terms(affinity: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...] | None:
    """The terms of required node affinity, alternatives all; None when nothing is required."""
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return tuple(required.get("nodeSelectorTerms") or ()) if required else None


def term_mismatches(
    node: Node, terms: tuple[Mapping[str, Any], ...], labels: Mapping[str, str] | None = None
) -> tuple[Mismatch, ...]:
    """What the node lacks for the term that it comes closest to; no term at all matches no node.

    `labels` stand for the node's own where they are given.
    """
    failed = [_of_term(node, term, node.metadata.labels if labels is None else labels) for term in terms]
    if not failed:
        return (Mismatch("nodeSelectorTerms", "a term", ""),)
    return min(failed, key=len)


def volume_labels(node: Node) -> dict[str, str]:
    """The labels of a node as volumes see them: under the zone labels' former names as well."""
    labels = node.metadata.labels
    return {**{old: labels[new] for old, new in _BETA.items() if new in labels}, **labels}


def topology_mismatches(node: Node, terms: tuple[Mapping[str, Any], ...]) -> tuple[Mismatch, ...]:
    """The same for a StorageClass's allowedTopologies; none means anywhere."""
    if not terms:
        return ()
    as_nodes = tuple(
        {"matchExpressions": [{**item, "operator": "In"} for item in term.get("matchLabelExpressions") or ()]}
        for term in terms
    )
    return term_mismatches(node, as_nodes, volume_labels(node))


def _selector_mismatches(node: Node, selector: Mapping[str, str]) -> tuple[Mismatch, ...]:
    labels = node.metadata.labels
    return tuple(
        Mismatch(key, wanted, labels.get(key, ""), (wanted,))
        for key, wanted in sorted(selector.items())
        if labels.get(key) != wanted
    )


def _affinity_mismatches(node: Node, affinity: Mapping[str, Any]) -> tuple[Mismatch, ...]:
    terms = required_terms(affinity)
    return () if terms is None else term_mismatches(node, terms)


def _of_term(node: Node, term: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[Mismatch, ...]:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return (Mismatch("nodeSelectorTerms", "a term that is not empty", ""),)
    known = {"metadata.name": node.metadata.name}
    found = [_unmet(item, labels) for item in expressions] + [_unmet(item, known) for item in fields]
    return tuple(item for item in found if item is not None)


def _unmet(expression: Mapping[str, Any], labels: Mapping[str, str]) -> Mismatch | None:
    key, operator = str(expression.get("key", "")), str(expression.get("operator", ""))
    values = tuple(str(value) for value in expression.get("values") or ())
    has = labels.get(key)
    if matches(operator, has, values):
        return None
    wanted = ", ".join(values) if operator == "In" else " ".join([operator, ", ".join(values)]).strip()
    return Mismatch(key, wanted, has or "", values if operator == "In" else ())


def matches(operator: str, has: str | None, values: tuple[str, ...]) -> bool:
    """One requirement against a label's value (None: the label is not there)."""
    match operator:
        case "In":
            return has is not None and has in values
        case "NotIn":
            return has is None or has not in values
        case "Exists":
            return has is not None
        case "DoesNotExist":
            return has is None
        case "Gt" | "Lt":
            return has is not None and len(values) == 1 and compare(operator, has, values[0])
        case _:
            return False
