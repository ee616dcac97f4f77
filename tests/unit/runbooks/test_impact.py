"""Whom a plan takes away: how many servers, what is in flight on them, who serves meanwhile, what a budget allows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cluster_parts import NAMESPACE, node, pod, ready, samples, waiting, world
from tests.unit.diagnosis.scaling_parts import workload
from vops.diagnosis.facts import Facts
from vops.model.disruption import PodDisruptionBudget
from vops.model.objects import Ref
from vops.planning.changes import Change, Verb, evict_change
from vops.planning.plan import Impact
from vops.render.impact import impact_lines
from vops.render.text import plain
from vops.runbooks.impact import impacts, with_live_impacts

LLAMA = Ref("Deployment", "llama", NAMESPACE, "llama")
PROBE = {"readinessProbe": {"httpGet": {"path": "/health", "port": 8000}}}


def fleet(*loads: float | None, surge: int = 0, broken: int = 0) -> Facts:
    """A workload whose servers have so many requests (None: not scraped), and `broken` more that do not serve."""
    servers = [ready(f"llama-{n}", owner="llama", container=PROBE) for n in range(len(loads))]
    dead = [pod(f"llama-dead-{n}", owner="llama", status=waiting("CrashLoopBackOff")) for n in range(broken)]
    scraped = [samples(f"llama-{n}", running=load, waiting=1.0) for n, load in enumerate(loads) if load is not None]
    owner = workload(len(loads) + broken)
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": 0 if surge else 1}}
    spec = msgspec.structs.replace(owner.spec, strategy=msgspec.convert(rolling, type(owner.spec.strategy)))
    return world(*servers, *dead, node(), msgspec.structs.replace(owner, spec=spec), *scraped)


def patch(path: str, **spec: Any) -> Change:
    operations = ({"op": "replace", "path": path, "value": spec},)
    return Change(Verb.PATCH, LLAMA, "change it", operations, after={"spec": spec})


TEMPLATE = patch("/spec/template/spec/containers/0/image")


def only(facts: Facts, *changes: Change, budgets: list[PodDisruptionBudget] | None = None) -> Impact:
    (found,) = impacts(changes, facts, budgets)
    return found


def told(item: Impact) -> str:
    return plain(impact_lines([item]))


def test_a_rollout_takes_all_servers_so_many_at_a_time() -> None:
    found = only(fleet(10, 20, 30), TEMPLATE)
    assert (found.gone, found.at_once, found.left, found.in_flight) == (3, 1, 2, 63)
    assert "3 replicas, which serve, restart, 1 at a time" in told(found)
    assert "63 requests in flight on them; 2 of 3 keep serving" in told(found)


def test_a_surge_leaves_all_serving_meanwhile() -> None:
    found = only(fleet(10, 20, surge=1), TEMPLATE)
    assert (found.at_once, found.left) == (0, 2)
    assert "each after its successor serves" in told(found)


def test_loading_takes_as_long_as_it_was_seen_to_take() -> None:
    found = only(fleet(1, 1), TEMPLATE)
    assert found.load_s == 90
    assert "each loads for about 1m30s, about 3m in all" in told(found)


def test_recreate_in_the_change_itself_takes_all_at_once() -> None:
    change = patch("/spec/template/spec/containers/0/image", strategy={"type": "Recreate"})
    found = only(fleet(10, 20), change)
    assert (found.at_once, found.left) == (2, 0)
    assert "nobody serves meanwhile" in told(found)


def test_scaling_down_takes_what_does_not_serve_first() -> None:
    found = only(fleet(10, 20, broken=1), patch("/spec/replicas", replicas=1))
    assert (len(found.pods), found.gone, found.left, found.comes_back) == (2, 1, 1, False)
    assert "2 replicas, 1 of them serving, go, all at once" in told(found)
    assert "none comes for them" in told(found)


def test_an_eviction_is_of_one_pod_and_asks_the_budget() -> None:
    document = {"kind": "PodDisruptionBudget", "metadata": {"name": "llama", "namespace": NAMESPACE},
                "spec": {"minAvailable": 1, "selector": {"matchLabels": {"pod-template-hash": "new"}}}}  # fmt: skip
    budget = msgspec.convert(document, PodDisruptionBudget)
    gone = evict_change(Ref("Pod", "llama-0", NAMESPACE, "llama-0"), "evict it", unrestorable="the pod")
    found = only(fleet(10, 20), gone, budgets=[budget])
    assert (found.gone, found.in_flight, found.left, found.allowed, found.asked) == (1, 11, 1, 1, True)
    assert "PodDisruptionBudget llama allows 1;" in told(found)
    status = msgspec.structs.replace(budget.status, observed_generation=1, disruptions_allowed=0)
    told_by = msgspec.structs.replace(budget, status=status)
    assert only(fleet(10, 20), gone, budgets=[told_by]).allowed == 0


def test_what_is_not_scraped_is_not_zero() -> None:
    assert only(fleet(None, None), TEMPLATE).in_flight is None
    assert "not known, none was scraped" in told(only(fleet(None, None), TEMPLATE))
    assert "at least 11 requests" in told(only(fleet(10, None), TEMPLATE))
    assert "PodDisruptionBudgets were not read" in told(only(fleet(10), TEMPLATE))
    assert "no PodDisruptionBudget" in told(only(fleet(10), TEMPLATE, budgets=[]))


def test_what_is_in_flight_is_counted_again_when_one_agrees() -> None:
    planned = msgspec.structs.replace(only(fleet(10), TEMPLATE, budgets=[]), in_flight=3, load_s=77)
    facts = fleet(40)
    (fresh,) = with_live_impacts((planned,), [TEMPLATE], facts)
    assert (fresh.in_flight, fresh.budgets_read) == (41, True)


def test_servers_that_do_not_serve_have_nothing_to_lose() -> None:
    found = only(fleet(broken=1), TEMPLATE)
    assert (found.gone, found.in_flight) == (0, 0)
    assert "1 replica, which does not serve, restarts" in told(found)
    assert "in flight" not in told(found)


@pytest.mark.parametrize("change", [patch("/spec/replicas", replicas=9), patch("/metadata/labels/a")])
def test_what_takes_no_server_away_has_no_impact(change: Change) -> None:
    assert impacts([change], fleet(10), None) == ()
    assert impact_lines(()) == impact_lines(None) == []
