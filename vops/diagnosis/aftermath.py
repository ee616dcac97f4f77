"""How a workload does after a run, against how it did before: what got worse, and what is not known.

A measure is taken when a run begins and when it has ended; every later one is held against both. Restarts, failed
requests and warnings count from the end of the run, the time to the first token against the one before the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from statistics import median

import msgspec
from msgspec import field

from vops.diagnosis.facts import WorkloadFacts
from vops.model.known import known, total
from vops.model.objects import Ref

_SLOWER, _SLOWER_S = 1.5, 0.5
"""A time to the first token is worse when it is this many times, and this much, longer than before."""


class Measure(msgspec.Struct, frozen=True):
    """One workload at one instant; `restarts` by pod uid, `failed` the requests that ended in an error, by pod uid."""

    at: datetime
    ready: int
    desired: int
    restarts: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, float] = field(default_factory=dict)
    ttft_p95_s: float | None = None


class Aftermath(msgspec.Struct, frozen=True):
    """What became of a workload since a run has ended; None is not known. `worse` says what, in words."""

    ref: Ref
    ready: int
    desired: int
    ready_before: int
    restarts: int
    warnings: int
    failed: float | None
    ttft_p95_s: float | None
    ttft_before_s: float | None
    worse: tuple[str, ...] = ()


def measure(workload: WorkloadFacts) -> Measure:
    """How a workload does now."""
    samples = {item.pod.metadata.uid: item.samples.latest for item in workload.replicas if item.samples is not None}
    rates = [item.rates for item in workload.replicas]
    latencies = known(rate.ttft_p95_s for rate in rates if rate is not None)
    return Measure(
        workload.facts.snapshot.at,
        workload.ready,
        workload.desired,
        {item.pod.metadata.uid: item.restarts for item in workload.replicas},
        {uid: sample.finished.get("error", 0.0) for uid, sample in samples.items() if sample is not None},
        median(latencies) if latencies else None,
    )


def aftermath(workload: WorkloadFacts, before: Measure | None, ended: Measure) -> Aftermath:
    """`before` is None where the workload was not there, or not seen, when the run began."""
    now = measure(workload)
    restarts = sum(max(0, count - ended.restarts.get(uid, 0)) for uid, count in now.restarts.items())
    found = Aftermath(
        ref=workload.ref,
        ready=now.ready,
        desired=now.desired,
        ready_before=before.ready if before is not None else 0,
        restarts=restarts,
        warnings=_warnings(workload, ended.at),
        failed=total(max(0.0, count - ended.failed.get(uid, 0.0)) for uid, count in now.failed.items()),
        ttft_p95_s=now.ttft_p95_s,
        ttft_before_s=before.ttft_p95_s if before is not None else None,
    )
    return msgspec.structs.replace(found, worse=tuple(_worse(found, ended)))


def _warnings(workload: WorkloadFacts, since: datetime) -> int:
    """Warnings about it and its pods that were seen after a moment, each reason once for each object."""
    events = [*workload.events, *(event for item in workload.replicas for event in item.events)]
    late = (event for event in events if event.type == "Warning" and event.last_seen and event.last_seen > since)
    return len({(event.involved_object.uid, event.reason) for event in late})


def _worse(found: Aftermath, ended: Measure) -> list[str]:
    words = []
    if found.ready < min(ended.ready, found.desired):
        words.append(f"{found.ready} of {found.desired} are ready, {ended.ready} were when the run ended")
    if found.restarts:
        words.append(f"{found.restarts} restart{'s' if found.restarts > 1 else ''} since")
    if found.failed:
        words.append(f"{found.failed:.0f} request{'s' if found.failed != 1 else ''} failed since")
    if _slower(found):
        words.append(
            f"the first token takes {found.ttft_p95_s:.1f} s (p95), before it took {found.ttft_before_s:.1f} s"
        )
    return words


def _slower(found: Aftermath) -> bool:
    now, before = found.ttft_p95_s, found.ttft_before_s
    return now is not None and before is not None and now > max(_SLOWER * before, before + _SLOWER_S)
