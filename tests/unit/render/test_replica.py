"""One replica in words, and the truth about the sources."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from tests.tui import builders
from tests.unit.diagnosis import cluster_parts as parts
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts, Replica
from vops.model.objects import Condition
from vops.model.snapshot import ClusterSnapshot, Source, SourceState
from vops.render.fleet_facts import replica_row
from vops.render.history import History
from vops.render.replica import (
    brief_line,
    condition_lines,
    event_lines,
    load_lines,
    load_steps,
    log_line,
    number_lines,
    state_sentence,
)
from vops.render.report import report_lines
from vops.render.text import Tone, plain
from vops.render.truth import TURN_S, ContextState, connecting_line, cost_line, outage_line, outages_line, truth_line

LOADING = "llama-3-3-70b-6f9c4-zz9p1"
SERVING = "qwen3-8b-6f9c4-k2x8p"


def replica_of(name: str, snapshot: ClusterSnapshot | None = None) -> Replica:
    facts = Facts(snapshot or builders.fleet_snapshot())
    return next(item for item in facts.replicas if item.name == name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (SERVING, "● ready for 6h57m"),
        (LOADING, "◐ loading for 1m1s"),
        ("mixtral-6f9c4-4hnvq", "○ pending for 4m"),
        ("gemma-3-27b-6f9c4-x7dlw", "CrashLoopBackOff: last exit 1 Error"),
    ],
)
def test_the_state_is_a_sentence(name: str, told: str) -> None:
    replica = replica_of(name)
    assert told in plain([state_sentence(replica, replica_row(replica))])


def test_a_start_is_told_in_its_phases_and_the_running_one_has_its_progress() -> None:
    log = "INFO 03-14 03:11:50 [api_server.py:1] vLLM API server version 0.25.1\n"
    replica = replica_of(LOADING, builders.with_log(builders.fleet_snapshot(), LOADING, log))
    steps = load_steps(replica)
    assert [step.name for step in steps[:2]] == ["scheduling", "image, volumes"]
    assert steps[-1].running
    assert "running" in plain(load_lines(replica))


def test_without_a_log_the_phases_are_said_to_be_unknown() -> None:
    assert "not known" in plain(load_lines(replica_of(LOADING)))


def test_numbers_tell_their_age_and_unknown_ones_stay_unknown() -> None:
    serving = replica_of(SERVING)
    text = plain(number_lines(serving, replica_row(serving), History((0.5, 0.62), (1.0, 2.0), (1.0, 41.0), (0.7,))))
    assert "scraped 1s ago" in text
    assert "62%" in text
    pending = replica_of("mixtral-6f9c4-4hnvq")
    assert "no metrics: not scraped yet" in plain(number_lines(pending, replica_row(pending), History()))


def test_the_same_event_is_told_once_with_all_its_times() -> None:
    about = builders.fleet_snapshot().pods[0]
    events = [
        builders.event(about, "BackOff", "again", times=3, seen=90),
        builders.event(about, "BackOff", "again", seen=5),
    ]
    lines = event_lines(events, builders.NOW)
    assert len(lines) == 1
    assert "BackOff ×4" in plain(lines)


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("ERROR 03-14 core failed", Tone.BAD),
        ("WARNING 03-14 slow", Tone.WARN),
        ("INFO 03-14 fine", Tone.GOOD),
        ("(EngineCore pid=7) torch.OutOfMemoryError: CUDA out of memory", Tone.BAD),
        ("Traceback (most recent call last):", Tone.BAD),
        ("just text", Tone.PLAIN),
    ],
)
def test_a_log_line_has_its_level_picked_out(text: str, tone: Tone) -> None:
    assert tone in {span.tone for span in log_line(text)}
    assert "".join(span.text for span in log_line(text)) == text


def test_rules_that_could_not_be_asked_are_folded_by_reason() -> None:
    replica = replica_of("gemma-3-27b-6f9c4-x7dlw")
    text = plain(report_lines(diagnose(replica.facts, replica.ref)))
    assert text.count("not checked") < 4
    assert "for want of logs" in text


def test_truth_puts_what_fails_first_and_groups_the_rest() -> None:
    statuses = [
        builders.status(Source.PODS, SourceState.LIVE),
        builders.status(Source.DEPLOYMENTS, SourceState.POLLED, age_s=30),
        builders.status(Source.METRICS, SourceState.STALE, age_s=42),
        builders.status(Source.EVENTS, SourceState.DENIED),
        builders.status(Source.DCGM, SourceState.ABSENT),
    ]
    text = plain([truth_line(statuses, builders.NOW)])
    assert text.split() == ["▲", "STALE", "42s", "metrics", "⊘", "DENIED", "events", "●", "LIVE", "pods", "◑", "POLLED",
                            "30s", "deploy"]  # fmt: skip


def test_an_outage_is_told_from_the_first_that_failed() -> None:
    statuses = [
        builders.status(Source.PODS, SourceState.RETRYING, "connection refused", age_s=95),
        builders.status(Source.METRICS, SourceState.STALE, age_s=12),
    ]
    text = plain([outage_line(statuses, builders.NOW)])
    assert "no fresh pods, metrics since 03:11:10, 1m35s ago" in text
    assert "connection refused" in text
    assert outage_line([builders.status(Source.PODS, SourceState.LIVE)], builders.NOW) == ()


@pytest.mark.parametrize(
    ("text", "brief"),
    [
        (
            "(EngineCore pid=203) ERROR 11-28 04:25:19 [core.py:1231] ValueError: no",
            "ERROR 04:25:19 EngineCore ValueError: no",
        ),
        (
            '(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/core.py", line 3, in f',
            'APIServer   File "…/vllm/v1/engine/core.py", line 3, in f',
        ),
        ("(Worker_TP0 pid=7) RuntimeError: CUDA error", "Worker_TP0 RuntimeError: CUDA error"),
        ("INFO 11-28 04:25:19 [x.py:1] of an older vLLM", "INFO 11-28 04:25:19 [x.py:1] of an older vLLM"),
        ("(see the log) for more", "(see the log) for more"),
    ],
)
def test_a_log_line_is_shortened_by_what_says_least(text: str, brief: str) -> None:
    assert brief_line(text) == brief
    assert plain([log_line(text, brief=True)]).rstrip() == brief
    assert (log_line(text, brief=True)[0].tone is Tone.BAD) == (log_line(text)[0].tone is Tone.BAD)


def test_outages_of_several_contexts_take_turns_and_those_without_a_connection_come_first() -> None:
    retrying = [builders.status(Source.PODS, SourceState.RETRYING, "connection refused", age_s=95)]
    contexts = [ContextState("us", retrying), ContextState("eu", ()), ContextState("ap", (), "no login", "log in")]
    turns = [plain([outages_line(contexts, builders.NOW + timedelta(seconds=TURN_S * turn))]) for turn in (0, 1, 2)]
    first = sorted(turns[:2])
    assert first[0].startswith(" 1/2 ✗ ap: no login  log in")
    assert first[1].startswith(" 2/2 ↻ us: no fresh pods")
    assert turns[2][:5] == turns[0][:5]
    assert outages_line(contexts[1:2], builders.NOW) == ()


def test_a_connection_that_takes_long_says_for_how_long_and_what_it_may_wait_for() -> None:
    assert plain([connecting_line(1.0)]).strip() == "◌ CONNECTING"
    assert "for 12s  a login plugin may wait for you" in plain([connecting_line(12.0)])


def test_costs_are_told_when_they_are_counted() -> None:
    assert "6 watches · 4 req/s" in plain([cost_line(6, 4.2)])
    assert "4 req/s · 41kB/s · lag" in plain([cost_line(6, 4.2, 41_234.0)])
    assert "1.2MB/s" in plain([cost_line(6, 4.2, 1_234_567.0)])
    assert cost_line(None, None) == ()


def test_conditions_that_hold_are_one_line_and_the_others_say_why() -> None:
    at = parts.NOW - timedelta(seconds=90)
    held = Condition("PodScheduled", "True", last_transition_time=at)
    short = Condition("Ready", "False", "ContainersNotReady", "containers with unready status: [vllm]", at)
    pod = parts.ready()
    pod = msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, conditions=(held, short)))
    text = plain(condition_lines(parts.the_replica(parts.world(pod, parts.node()))))
    assert text == (
        "conditions  PodScheduled\n▲ Ready False  1m30s  ContainersNotReady: containers with unready status: [vllm]\n"
    )
