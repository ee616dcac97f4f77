"""`gpu.fit`: places are counted as the scheduler counts them, and the cost of a rollout is said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.runbooks.runbook_world import Document, deployment, node, planned, pod, script, world

FIT = "  - {id: fit, kind: gpu.fit, ref: '${params.target}'}\n"


def fit(target: Document, *others: Document, steps: str = FIT) -> Document:
    """What the step finds."""
    return planned(script(steps), world(target, *others)).steps[0].outputs


def holding(target: Document, name: str, where: str, **meta: Any) -> Document:
    made = pod(target, name, node=where, ready=True)
    made["metadata"] |= meta
    return made


@pytest.mark.parametrize(
    ("spare", "places"),
    [
        (node("spare"), 1),
        (node("spare", gpus=4), 4),
        (node("spare", taint="nvidia.com/gpu"), 0),
        (node("spare") | {"spec": {"unschedulable": True}}, 0),
    ],
)
def test_only_nodes_that_let_the_pod_in_have_places(spare: Document, places: int) -> None:
    target = deployment()
    found = fit(target, node("a"), spare, holding(target, "llama-old", "a"))
    assert (found["freePlaces"], found["ends"]) == (places, places > 0)


def test_a_place_needs_more_than_a_gpu() -> None:
    target = deployment(resources={"limits": {"nvidia.com/gpu": "1"}, "requests": {"memory": "100Gi"}})
    assert fit(target, node("a", gpus=8))["freePlaces"] == 2


def test_tolerations_that_are_to_be_added_count() -> None:
    steps = FIT.replace("id: fit,", "id: fit, tolerations: [{key: nvidia.com/gpu, operator: Exists}],")
    target = deployment()
    assert fit(target, node("a", taint="nvidia.com/gpu"), steps=steps)["freePlaces"] == 1


def test_a_terminating_pods_gpus_are_as_good_as_free() -> None:
    target = deployment()
    leaving = holding(target, "llama-old", "a", deletionTimestamp="2026-03-02T08:59:50Z")
    assert fit(target, node("a"), leaving)["freePlaces"] == 1


def test_other_workloads_gpus_are_not() -> None:
    target = deployment()
    other = holding(target, "other", "a", ownerReferences=[], labels={})
    found = fit(target, node("a"), other)
    assert (found["ends"], found["endsStoppingFirst"]) == (False, False)
    assert "no node that it may use has so many free" in found["reason"]


@pytest.mark.parametrize(
    ("free", "words"),
    [(0, "meanwhile 1 of 2 serve"), (1, "while all 2 that serve now go on serving")],
)
def test_the_cost_is_said_with_the_time_a_start_takes(free: int, words: str) -> None:
    target = deployment(replicas=2)
    pods = [holding(target, f"llama-{where}", where) for where in ("a", "b")]
    plan = planned(script(FIT), world(target, node("a"), node("b", gpus=1 + free), *pods))
    assert words in plan.notes[0]
    assert plan.notes[0].endswith("the last start took 140 s.")


@pytest.mark.parametrize(("free", "ends", "first"), [(0, False, False), (1, False, True), (2, True, True)])
def test_pods_that_will_ask_for_more_gpus_are_looked_for_a_place_as_they_will_be(
    free: int, ends: bool, first: bool
) -> None:
    """The old pod gives back one GPU, the new one needs two."""
    target = deployment()
    steps = FIT.replace("id: fit,", "id: fit, set: {'@vllm.gpus': 2},")
    found = fit(target, node("a", gpus=1 + free), holding(target, "llama-old", "a"), steps=steps)
    assert (found["ends"], found["endsStoppingFirst"]) == (ends, first)
