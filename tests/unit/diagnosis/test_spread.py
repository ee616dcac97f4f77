"""Topology spread, counted as the scheduler's PodTopologySpread filter counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_scheduling import ZONE, host, labelled
from tests.unit.diagnosis.cluster_parts import TAINT, node, pending, ready, world
from vops.model.pods import Pod

APP = {"app": "llama"}


def open_nodes(*objects: Any, labels: dict[str, str] | None = None, spec: Any = None, **constraint: Any) -> list[str]:
    """The nodes that the constraint leaves open."""
    given = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": APP},
    } | constraint
    pod = pending(
        metadata={"labels": APP if labels is None else labels}, topologySpreadConstraints=[given], **(spec or {})
    )
    return [fit.name for fit in world(pod, *objects).replicas[0].placement.fits if not fit.skews]


def in_zones(*counts: int) -> list[Any]:
    """A node in each zone a, b, c…, with so many matching pods."""
    found: list[Any] = []
    for index, count in enumerate(counts):
        name = "abc"[index]
        found += [host(name, name), *(labelled(f"{name}-{i}", node=name) for i in range(count))]
    return found


@pytest.mark.parametrize(
    ("counts", "constraint", "expected"),
    [
        ((0, 0), {}, ["a", "b"]),
        ((1, 0), {}, ["b"]),
        ((2, 1), {"maxSkew": 2}, ["a", "b"]),
        ((3, 1, 0), {"maxSkew": 2}, ["b", "c"]),
        ((1, 1), {"minDomains": 3}, []),
        ((1, 1), {"minDomains": 2}, ["a", "b"]),
        ((1, 0), {"whenUnsatisfiable": "ScheduleAnyway"}, ["a", "b"]),
        ((1, 0), {"labelSelector": {"matchLabels": {"app": "mistral"}}}, ["a", "b"]),
        ((5, 0), {"labelSelector": None}, ["a", "b"]),
    ],
)
def test_the_skew_is_to_the_emptiest_domain(counts: Any, constraint: dict[str, Any], expected: list[str]) -> None:
    assert open_nodes(*in_zones(*counts), **constraint) == expected


def test_a_node_without_the_label_takes_no_such_pod_and_counts_for_none() -> None:
    assert open_nodes(*in_zones(1, 1), node("bare")) == ["a", "b"]


def test_nodes_that_the_pod_does_not_select_do_not_count_unless_told() -> None:
    objects = in_zones(1, 0)
    only_a = {"nodeSelector": {"kubernetes.io/hostname": "a"}}
    assert "a" in open_nodes(*objects, spec=only_a)
    assert "a" not in open_nodes(*objects, spec=only_a, nodeAffinityPolicy="Ignore")


def test_tainted_nodes_count_unless_told() -> None:
    objects = [*in_zones(1), host("b", "b", taints=[TAINT])]
    assert "a" not in open_nodes(*objects)
    assert "a" in open_nodes(*objects, nodeTaintsPolicy="Honor")


def test_match_label_keys_count_one_revision_only() -> None:
    old: Pod = ready("old", node="a", metadata={"labels": {**APP, "pod-template-hash": "old"}})
    new = {**APP, "pod-template-hash": "new"}
    objects = (host("a", "a"), host("b", "b"), old)
    assert open_nodes(*objects, labels=new) == ["b"]
    assert open_nodes(*objects, labels=new, matchLabelKeys=["pod-template-hash"]) == ["a", "b"]


def test_pods_on_their_way_out_do_not_count() -> None:
    leaving = labelled("leaving", node="a")
    gone = ready("gone", node="a", metadata={"labels": APP, "deletionTimestamp": "2026-11-24T03:00:10Z"})
    assert open_nodes(host("a", "a"), host("b", "b"), leaving) == ["b"]
    assert open_nodes(host("a", "a"), host("b", "b"), gone) == ["a", "b"]
