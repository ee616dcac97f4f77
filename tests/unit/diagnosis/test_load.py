"""How well a ready server serves: what two scrapes show, and what a moment does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_serving import FIRES, STILL, loaded
from tests.unit.diagnosis.cases_told_load import backed_up
from tests.unit.diagnosis.cluster_parts import node, ready, samples, the_replica, world
from tests.unit.diagnosis.scaling_parts import scraped, service, workload
from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.findings import Finding, Severity
from vops.model.objects import Ref
from vops.model.snapshot import EngineSamples

THRASHING: dict[str, Any] = {"running": 40, "waiting": 20, "kv_usage": 0.97, "preemptions": 9}
NO_PREEMPTIONS = {"preemptions": 0}


def of_pod(*pairs: EngineSamples) -> list[Finding]:
    facts = loaded(*pairs)()
    return list(diagnose(facts, the_replica(facts).ref).findings)


def of_workload(*pairs: EngineSamples) -> list[Finding]:
    facts = loaded(*pairs)()
    return list(diagnose(facts, Ref("Deployment", "llama", "serving")).findings)


@pytest.mark.parametrize(
    "pair",
    [
        scraped(running=0, waiting=0, before=STILL, apart_s=600),
        scraped(running=30, waiting=0, kv_usage=0.95),
        scraped(running=30, waiting=9, before={"waiting": 0}),
        scraped(running=30, waiting=20, apart_s=1),
        scraped(running=3, before=STILL, apart_s=10),
        scraped(**{**THRASHING, "waiting": 0, "preemptions": 2}, before=NO_PREEMPTIONS),
        scraped(**{**THRASHING, "waiting": 0}, before=NO_PREEMPTIONS, apart_s=300),
        scraped(running=3, waiting=30, steps=5, generation_tokens=9),
        msgspec.structs.replace(scraped(running=30, waiting=30), stale=True),
        msgspec.structs.replace(scraped(running=30, waiting=30), error="timed out"),
        samples(running=300, waiting=90, kv_usage=1.0),
    ],
    ids=["idle", "full", "blip", "a second", "a slow step", "two", "now and then", "restart", "stale", "error", "once"],
)
def test_a_healthy_or_unknown_load_is_silent(pair: EngineSamples) -> None:
    assert of_pod(pair) == []


def test_preemptions_are_the_root_of_the_queue() -> None:
    thrash, queue = of_pod(scraped(**THRASHING, before=NO_PREEMPTIONS))
    assert (thrash.cause, queue.cause) == ("kv-thrash", "queue-saturated")
    assert queue.because == ("kv-thrash",)
    assert "--max-num-seqs 36" in " ".join(thrash.fixes[0].steps)


@pytest.mark.parametrize(
    ("usage", "running", "words", "fix"),
    [
        (0.95, 40, "its KV cache is 95% full", "Set replicas to 2"),
        (0.4, 256, "it runs 256 at once and no more", "--max-num-seqs 576"),
        (0.4, 77, "wait at llama-1 while 77 run", "Set replicas to 2"),
    ],
)
def test_a_queue_says_what_the_limit_is(usage: float, running: float, words: str, fix: str) -> None:
    (finding,) = of_pod(scraped(running=running, waiting=9, kv_usage=usage))
    assert finding.cause == "queue-saturated"
    assert finding.severity is Severity.WARNING
    assert words in finding.summary
    assert fix in " ".join(finding.fixes[0].steps)


@pytest.mark.parametrize(("apart_s", "severity"), [(20, Severity.WARNING), (90, Severity.ERROR)])
def test_an_engine_that_stands_still_for_a_minute_is_an_error(apart_s: float, severity: Severity) -> None:
    (finding,) = of_pod(scraped(running=3, waiting=9, before=STILL, apart_s=apart_s))
    assert (finding.cause, finding.severity) == ("engine-wedged", severity)


def test_a_worker_that_does_not_answer_makes_it_certain_sooner() -> None:
    log = "WARNING 11-24 02:00:00 [shm_broadcast.py:1] No available shared memory broadcast block found in 60 seconds."
    facts = loaded(scraped(running=3, before=STILL, apart_s=20), log=log)()
    (finding,) = diagnose(facts, the_replica(facts).ref).findings
    assert finding.severity is Severity.ERROR
    assert any("shared memory broadcast" in item.observed for item in finding.evidence)


OWNED = {"ownerReferences": [{"kind": "ReplicaSet", "name": "llama-new", "uid": "llama-new", "controller": True}]}
HOT = scraped(running=30, waiting=12)
COOL = scraped("llama-2", running=2, waiting=0)


def test_imbalance_is_the_root_of_one_replicas_queue() -> None:
    first, second = of_workload(HOT, COOL)
    assert (first.cause, second.cause) == ("replica-imbalance", "queue-saturated")
    assert first.subject.kind == "Deployment"


@pytest.mark.parametrize(
    "others",
    [
        (scraped("llama-2", running=28, waiting=0),),
        (scraped("llama-2", running=2, waiting=1),),
        (scraped("llama-2", running=9, before={"running": 25}),),
    ],
)
def test_a_replica_is_not_hot_when_the_others_have_no_room(others: tuple[EngineSamples, ...]) -> None:
    assert "replica-imbalance" not in {item.cause for item in of_workload(HOT, *others)}


def test_a_service_that_keeps_clients_at_one_pod_is_named() -> None:
    labels = {"labels": {"app": "llama", "pod-template-hash": "new"}}
    pods = [ready(f"llama-{n}", owner="llama", node=f"gpu-{n}", metadata=labels | OWNED) for n in (1, 2)]
    facts = world(*pods, node(), node("gpu-2"), workload(2), service(sessionAffinity="ClientIP"), HOT, COOL)
    finding = diagnose(facts, Ref("Deployment", "llama", "serving")).findings[0]
    assert "Service llama keeps each client at one pod" in finding.summary


def test_what_follows_from_a_finding_about_the_whole_comes_after_it() -> None:
    reports = diagnose_all(FIRES["replica-imbalance"]())
    assert [report.findings[0].cause for report in reports if report.findings] == [
        "replica-imbalance",
        "queue-saturated",
    ]


@pytest.mark.parametrize(
    ("usage", "waits", "expected"),
    [
        ("97.9%", (18, 40, 47), ["queue-saturated"]),
        # it gets shorter once, there is room, it is a short one, or two lines are all that there is
        ("97.9%", (18, 40, 39), []),
        ("91.0%", (18, 40, 47), []),
        ("97.9%", (18, 20, 24), []),
        ("97.9%", (18, 40), []),
    ],
)
def test_a_queue_that_grows_before_a_full_cache_is_told_of_in_three_lines(
    usage: str, waits: tuple[int, ...], expected: list[str]
) -> None:
    facts = backed_up(usage, *waits)()
    assert [item.cause for report in diagnose_all(facts) for item in report.findings] == expected
