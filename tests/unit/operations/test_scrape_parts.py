"""The parts of scraping: the budget, the schedule, the samples of one replica."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from vops.lab.clock import LabClock
from vops.model.objects import Kind, Meta
from vops.model.resources import EVENTS as EVENTS_KIND
from vops.model.resources import Event
from vops.model.serving import EngineSample
from vops.operations.observation.budget import Budget
from vops.operations.observation.collection import MOST_EVENTS, Collection
from vops.operations.observation.endpoints import Endpoint, EndpointKind
from vops.operations.observation.samples import SampleHistory
from vops.operations.observation.scraping import Schedule
from vops.ports import Changed

AT = datetime(2026, 11, 24, tzinfo=UTC)


def sample(at_s: float, tokens: float = 0.0, start: float = 1.0) -> EngineSample:
    return EngineSample(AT + timedelta(seconds=at_s), generation_tokens=tokens, process_start=start)


def endpoint(name: str, *, ready: bool = True, incarnation: str = "a/0") -> Endpoint:
    return Endpoint(EndpointKind.ENGINE, "ns", name, 8000, "node", ready, incarnation)


def test_a_budget_gives_a_seconds_worth_and_then_its_rate() -> None:
    clock = LabClock()
    budget = Budget(5, clock)
    assert [budget.take() for _ in range(7)] == [True] * 5 + [False] * 2
    clock.move_to(clock.time() + 0.4)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    assert budget.spent_per_s == 0.7


def test_no_budget_is_no_limit() -> None:
    budget = Budget(0, LabClock())
    assert all(budget.take() for _ in range(1_000))


def test_rates_use_the_newest_sample_that_is_five_seconds_old() -> None:
    history = SampleHistory("ns", "p")
    for at in range(0, 21, 2):
        history.add(sample(at, tokens=at), 2)
    assert history.view.earlier == sample(14, tokens=14)
    assert history.view.latest == sample(20, tokens=20)


def test_two_young_samples_already_have_a_window() -> None:
    history = SampleHistory("ns", "p")
    history.add(sample(0), 2)
    history.add(sample(2), 2)
    assert history.view.earlier == sample(0)


@pytest.mark.parametrize("later", [sample(4, tokens=1), sample(4, tokens=900, start=500.0), sample(120, tokens=900)])
def test_a_restart_or_a_long_gap_starts_the_window_anew(later: EngineSample) -> None:
    history = SampleHistory("ns", "p")
    history.add(sample(0, tokens=500), 2)
    history.add(later, 2)
    assert (history.view.latest, history.view.earlier) == (later, None)


def test_an_older_sample_does_not_replace_a_newer_one() -> None:
    history = SampleHistory("ns", "p")
    history.add(sample(10), 2)
    assert not history.add(sample(5), 2)
    assert history.latest == sample(10)


def test_samples_turn_stale_after_fifteen_seconds_or_three_of_their_intervals() -> None:
    history = SampleHistory("ns", "p")
    history.add(sample(0), 2)
    assert not history.age(AT + timedelta(seconds=14), 2)
    assert not history.age(AT + timedelta(seconds=60), 40)
    assert history.age(AT + timedelta(seconds=16), 2)
    assert history.view.stale


def test_a_replica_that_does_not_answer_is_asked_less_and_less_often() -> None:
    schedule = Schedule(interval_s=2, budget_per_s=25)
    schedule.put(endpoint("p"))
    (slot,) = schedule.due(0)
    waits = []
    now = 0.0
    for _ in range(4):
        schedule.started(slot, now)
        schedule.ended(slot, answered=False)
        waits.append(slot.due_at - now)
        now = slot.due_at
    assert waits == [4, 8, 10, 10]
    schedule.put(endpoint("p", ready=False))
    assert list(schedule.due(now - 9)) == [slot]


def test_after_the_first_time_a_fleets_turns_are_spread_over_the_interval_and_stay_there() -> None:
    schedule = Schedule(interval_s=2, budget_per_s=0)
    for at in range(100):
        schedule.put(endpoint(f"p{at}"))
    for slot in schedule.due(0):
        schedule.started(slot, 0.0)
        schedule.ended(slot, answered=True)
    turns = sorted(slot.due_at for slot in schedule.slots.values())
    assert 1 <= turns[0] < turns[-1] < 3
    assert max(after - before for before, after in itertools.pairwise(turns)) < 2 * 2 / 100
    slot = min(schedule.slots.values(), key=lambda slot: slot.due_at)
    moment = slot.due_at
    schedule.started(slot, moment + 0.09)
    schedule.ended(slot, answered=True)
    assert slot.due_at == pytest.approx(moment + 2)


def test_another_incarnation_voids_what_the_last_one_said() -> None:
    schedule = Schedule(interval_s=2, budget_per_s=25)
    assert not schedule.put(endpoint("p"))
    assert not schedule.put(endpoint("p"))
    assert schedule.put(endpoint("p", incarnation="a/1"))


def test_every_fifth_turn_goes_to_the_rest() -> None:
    schedule = Schedule(interval_s=2, budget_per_s=25)
    for at in range(20):
        schedule.put(endpoint(f"p{at}", ready=at < 10))
    order = [slot.endpoint.ready for slot in schedule.due(0)]
    assert order[:10].count(True) == 2
    assert len(order) == 20


def test_the_expected_interval_follows_the_budget() -> None:
    schedule = Schedule(interval_s=2, budget_per_s=25)
    for at in range(40):
        schedule.put(endpoint(f"p{at}"))
    assert schedule.pace().rest_s == 2
    for at in range(40, 1000):
        schedule.put(endpoint(f"p{at}"))
    assert schedule.pace().rest_s == 40


def test_the_oldest_events_are_forgotten() -> None:
    events = Collection(EVENTS_KIND, Event)
    for at in range(MOST_EVENTS * 5 // 4 + 1):
        seen = AT + timedelta(seconds=at)
        events.apply(Changed(item=Event(Meta(f"e{at}"), last_timestamp=seen)))
    assert len(events.items) == MOST_EVENTS
    assert events.items[-1].metadata.name == f"e{MOST_EVENTS * 5 // 4}"


def test_unchanged_items_are_the_same_tuple() -> None:
    events = Collection(EVENTS_KIND, Event)
    assert isinstance(events.kind, Kind)
    events.apply(Changed(replaced=(Event(Meta("a")),)))
    assert events.items is events.items
