"""The deadlock proof: which rolling updates can end on the GPUs that there are."""

from __future__ import annotations

import pytest

from vops.model.resources import RollingUpdate, Strategy
from vops.model.rollouts import Bounds, bounds
from vops.planning.rollout import Fleet, OldPod, simulate

DEFAULT = Strategy("RollingUpdate", RollingUpdate("25%", "25%"))


@pytest.mark.parametrize(
    ("strategy", "replicas", "expected"),
    [
        (DEFAULT, 1, Bounds(1, 0)),
        (DEFAULT, 3, Bounds(1, 0)),
        (DEFAULT, 4, Bounds(1, 1)),
        (DEFAULT, 8, Bounds(2, 2)),
        (Strategy(), 2, Bounds(1, 0)),
        (Strategy("RollingUpdate", RollingUpdate(0, 0)), 2, Bounds(0, 1)),
        (Strategy("RollingUpdate", RollingUpdate("100%", 0)), 3, Bounds(3, 0)),
        (Strategy("Recreate"), 3, None),
    ],
)
def test_surge_rounds_up_and_unavailable_down(strategy: Strategy, replicas: int, expected: Bounds | None) -> None:
    assert bounds(strategy, replicas) == expected


def fleet(replicas: int, *, free: int = 0, serving: bool = True, placed: bool = True) -> Fleet:
    """`replicas` old pods, each on a node of its own with one GPU, and `free` more GPUs on one node."""
    nodes = [f"n{at}" for at in range(replicas)]
    old = tuple(OldPod(node if placed else "", serving) for node in nodes)
    return Fleet(replicas, 1, 1, {**dict.fromkeys(nodes, 0 if placed else 1), "spare": free}, old)


@pytest.mark.parametrize("replicas", range(1, 9))
def test_the_default_strategy_deadlocks_up_to_three_replicas(replicas: int) -> None:
    assert simulate(fleet(replicas), bounds(DEFAULT, replicas)).ends == (replicas > 3)


@pytest.mark.parametrize("replicas", range(1, 9))
@pytest.mark.parametrize("limits", [Bounds(0, 1), None], ids=["stopping one first", "recreate"])
def test_stopping_old_pods_first_always_ends(replicas: int, limits: Bounds | None) -> None:
    assert simulate(fleet(replicas), limits).ends


@pytest.mark.parametrize("replicas", range(1, 9))
def test_one_free_gpu_is_enough_for_a_surge_and_keeps_all_serving(replicas: int) -> None:
    outcome = simulate(fleet(replicas, free=1), Bounds(1, 0))
    assert (outcome.ends, outcome.min_available) == (True, replicas)


def test_no_unavailable_pod_allowed_deadlocks_at_every_size() -> None:
    outcome = simulate(fleet(8), Bounds(8, 0))
    assert not outcome.ends
    assert "the controller may not stop one of them first" in outcome.reason


def test_a_crash_looping_pod_holds_its_gpu_against_its_own_successor() -> None:
    broken = fleet(1, serving=False)
    assert not simulate(broken, bounds(DEFAULT, 1)).ends
    assert simulate(broken, Bounds(0, 1)).ends


def test_pending_pods_hold_nothing_so_their_successors_can_start() -> None:
    assert simulate(fleet(2, serving=False, placed=False), bounds(DEFAULT, 2)).ends


def test_free_gpus_on_two_nodes_are_not_one_place() -> None:
    split = Fleet(1, 4, 4, {"a": 2, "b": 2}, (OldPod("gone", available=True),))
    assert not simulate(split, Bounds(1, 0)).ends


def test_a_larger_pod_does_not_fit_where_one_smaller_was() -> None:
    grown = Fleet(1, 4, 2, {"a": 0}, (OldPod("a", available=True),))
    assert not simulate(grown, Bounds(0, 1)).ends


def test_a_stuck_rollout_goes_on_once_the_strategy_lets_it() -> None:
    stuck = Fleet(1, 1, 1, {"a": 0}, (OldPod("a", available=True),), ("",))
    assert not simulate(stuck, bounds(DEFAULT, 1)).ends
    outcome = simulate(stuck, Bounds(0, 1))
    assert (outcome.ends, outcome.min_available) == (True, 0)
