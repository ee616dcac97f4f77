"""Inter-pod affinity and anti-affinity, as the scheduler's InterPodAffinity filter decides them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_scheduling import ZONE, anti_affinity, host, labelled
from tests.unit.diagnosis.cluster_parts import pending, ready, world
from vops.diagnosis.placement.filters.pod_affinity import Side
from vops.diagnosis.placement.recompute import NodeFit, Placement

HOSTNAME = "kubernetes.io/hostname"


def placed(*objects: Any, labels: dict[str, str] | None = None, **asks: Any) -> Placement:
    return world(pending(metadata={"labels": labels or {}}, **asks), *objects).replicas[0].placement


def fit_on(placement: Placement, name: str) -> NodeFit:
    return next(fit for fit in placement.fits if fit.name == name)


def affinity(kind: str = "podAffinity", key: str = ZONE, **term: Any) -> dict[str, Any]:
    wanted = {"labelSelector": {"matchLabels": {"app": "llama"}}, "topologyKey": key} | term
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [wanted]}}


def sides(fit: NodeFit) -> list[Side]:
    return [item.side for item in fit.repulsions]


def test_anti_affinity_closes_the_whole_domain_and_names_who_is_there() -> None:
    nodes = (host("a1", "a"), host("a2", "a"), host("b1", "b"))
    placement = placed(*nodes, labelled("llama-0", node="a1"), affinity=anti_affinity(key=ZONE))
    assert [bool(fit.repulsions) for fit in placement.fits] == [True, True, False]
    (repulsion,) = fit_on(placement, "a2").repulsions
    assert (repulsion.side, repulsion.domain) == (Side.ANTI_AFFINITY, "a")
    assert [pod.metadata.name for pod in repulsion.pods] == ["llama-0"]


def test_pods_that_are_there_keep_others_out_by_their_own_rule() -> None:
    other = labelled("other", app="mistral", affinity=anti_affinity())
    placement = placed(host(gpus=2), host("gpu-2"), other, labels={"app": "llama"})
    assert sides(fit_on(placement, "gpu-1")) == [Side.EXISTING]
    assert sides(fit_on(placement, "gpu-2")) == []


@pytest.mark.parametrize(
    ("term", "closed"),
    [
        ({}, True),
        ({"namespaces": ["elsewhere"]}, False),
        ({"namespaces": ["serving"]}, True),
        ({"namespaceSelector": {}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "serving"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}, False),
        ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}, True),
        ({"labelSelector": None}, False),
        ({"topologyKey": "rack"}, False),
    ],
)
def test_whom_a_term_means(term: dict[str, Any], closed: bool) -> None:
    placement = placed(host(), labelled("llama-0"), affinity=affinity("podAntiAffinity", HOSTNAME, **term))
    assert bool(fit_on(placement, "gpu-1").repulsions) is closed


def test_a_namespace_selector_by_other_labels_is_left_open() -> None:
    term = affinity("podAntiAffinity", namespaceSelector={"matchLabels": {"team": "ml"}})
    placement = placed(host(), labelled("llama-0"), affinity=term)
    assert fit_on(placement, "gpu-1").repulsions == ()
    assert placement.unchecked == ("inter-pod affinity",)


def test_affinity_wants_a_pod_in_the_domain() -> None:
    placement = placed(host("a1", "a"), host("b1", "b"), labelled("llama-0", node="a1"), affinity=affinity())
    assert sides(fit_on(placement, "a1")) == []
    assert sides(fit_on(placement, "b1")) == [Side.AFFINITY]


@pytest.mark.parametrize(("label", "may"), [("llama", True), ("mistral", False)])
def test_the_first_pod_with_affinity_to_itself_may_go_anywhere(label: str, may: bool) -> None:
    placement = placed(host(), labels={"app": label}, affinity=affinity())
    assert (not fit_on(placement, "gpu-1").repulsions) is may


def test_a_preference_and_a_pod_that_has_ended_keep_nobody_away() -> None:
    preferred = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}
    assert placed(host(), labelled("llama-0"), affinity=preferred).fits[0].repulsions == ()
    ended = ready("llama-0", phase="Succeeded", metadata={"labels": {"app": "llama"}})
    assert placed(host(), ended, affinity=anti_affinity()).fits[0].repulsions == ()
