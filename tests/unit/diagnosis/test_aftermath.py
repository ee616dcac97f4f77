"""What became of a workload after a run: held against how it was before it, and when it had ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import event, node, ready, running, world
from tests.unit.diagnosis.scaling_parts import scraped, workload
from tests.unit.diagnosis.test_slowness import pair
from vops.diagnosis.aftermath import Aftermath, aftermath, measure
from vops.diagnosis.facts import WorkloadFacts


def llama(*others: Any, servers: int = 2, restarts: int = 0) -> WorkloadFacts:
    status: dict[str, Any] = {"status": running(500, ready=True, restarts=restarts)} if restarts else {}
    found = [ready(f"llama-{n + 1}", owner="llama", **status) for n in range(servers)]
    return world(*found, node(), workload(2), *others).workloads[0]


def failed(requests: float) -> Any:
    finished: dict[str, Any] = {"finished": {"error": requests}}
    return scraped(**finished)


def since(now: WorkloadFacts, before: WorkloadFacts | None = None, ended: WorkloadFacts | None = None) -> Aftermath:
    return aftermath(now, measure(before) if before else None, measure(ended or llama()))


def test_what_stays_as_it_was_is_well() -> None:
    found = since(llama(pair(0.9)), llama(pair(0.9), servers=1))
    assert (found.ready, found.ready_before, found.restarts, found.worse) == (2, 1, 0, ())


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (llama(servers=1), "1 of 2 are ready, 2 were when the run ended"),
        (llama(restarts=2), "4 restarts since"),
        (llama(pair(3.0)), "the first token takes 9.6 s (p95), before it took 1.0 s"),
        (llama(failed(7)), "7 requests failed since"),
    ],
    ids=["fewer", "restarts", "slower", "errors"],
)
def test_what_got_worse_is_said(now: WorkloadFacts, words: str) -> None:
    ended = llama(failed(0))
    (said,) = since(now, llama(pair(0.9)), ended).worse
    assert said == words


def test_warnings_before_the_end_are_not_counted() -> None:
    now = llama(event("Unhealthy", "readiness probe failed", age_s=-5), event("BackOff", "old", age_s=600))
    assert since(now).warnings == 1


def test_what_was_not_known_before_is_not_compared() -> None:
    found = since(llama(pair(9.0)))
    assert (found.ttft_before_s, found.failed, found.worse) == (None, 0.0, ())
