"""A replica computes prompts that its siblings have in their prefix cache.

What it finds
    Between two scrapes the replica looked up at least 1,000 tokens (or blocks) of prompts and found at most a tenth,
    while the median of its siblings under the same kind of load found at least 40 %. Alone a low share says nothing:
    prompts may simply have nothing in common. Of one scrape of each, or the newest line of each log, the counts since
    the process began are compared in the same way, and the finding is only probable.

Why it matters
    It answers later and does more work than the others, until its cache is warm, or for good where the requests that
    belong together are spread over all replicas. A remark, not a fault.

Evidence
    The share of hits of the replica and of its siblings, and since when its process runs.

Fix
    By hand: wait where it has just started; else route by prefix or by session.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from statistics import median

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.serving import load, moments
from vops.diagnosis.serving.load import Window
from vops.diagnosis.states import ReplicaState, started_at
from vops.model.quantities import format_duration
from vops.model.snapshot import Source

_FEWEST = 1000.0
_COLD, _WARM = 0.1, 0.4
_YOUNG_S = 900.0
_SIBLINGS = 32


@rule(cause="prefix-cache-cold", branch=Branch.TRAFFIC, needs={Source.METRICS}, order=60)
def prefix_cache_cold(replica: Replica) -> Verdict | None:
    found = load.window(replica)
    own = hit_rate(found)
    if found is None or own is None or own > _COLD or replica.workload is None:
        return None
    others = _rates_of_siblings(replica)
    if not others or median(others) < _WARM:
        return None
    started = started_at(replica)
    age_s = (replica.facts.snapshot.at - started).total_seconds() if started is not None else None
    young = age_s is not None and age_s < _YOUNG_S
    since = f"; it started {format_duration(age_s)} ago" if young and age_s is not None else ""
    return Verdict(
        summary=f"{replica.name} finds {own:.0%} of its prompts in the prefix cache, its siblings {median(others):.0%}"
        + since,
        evidence=(
            load.scraped(found, "prefix cache hits", f"{own:.0%}", f"about {median(others):.0%}"),
            Evidence("metrics", f"{len(others)} siblings", ", ".join(f"{rate:.0%}" for rate in sorted(others)[:8])),
        ),
        confidence=Confidence.STRONG,
        severity=Severity.INFO,
        fixes=(
            remedies.advice(
                "Let its cache warm up" if young else "Send requests with the same beginning to the same replica",
                "Nothing needs to be done while it is young; a new process begins with an empty cache."
                if young
                else "Route by prefix or session (Gateway API inference extension, vLLM's router).",
            ),
        ),
    )


@rule(cause="prefix-cache-cold", branch=Branch.TRAFFIC, order=61)
def prefix_cache_cold_at_once(replica: Replica) -> Verdict | None:
    """By one scrape, or one line of a log, of it and of others that serve the same."""
    own = moments.moment(replica)
    if own is None or own.hits is None or own.hits > _COLD:
        return None
    others = [item.hits for item in moments.siblings(replica) if item.hits is not None]
    if not others or median(others) < _WARM:
        return None
    return Verdict(
        summary=f"{replica.name} finds {own.hits:.0%} of its prompts in the prefix cache, others that serve the same "
        f"{median(others):.0%}",
        evidence=(Evidence("metrics", "prefix cache hits", f"{own.hits:.0%}", f"about {median(others):.0%}"),),
        confidence=Confidence.PROBABLE,
        severity=Severity.INFO,
        fixes=(
            remedies.advice(
                "Send requests with the same beginning to the same replica",
                "Where it has just started, wait: a new process begins with an empty cache.",
                "Else route by prefix or session (Gateway API inference extension, vLLM's router).",
            ),
        ),
    )


def median_of_siblings(replica: Replica) -> float | None:
    """What the others under the same kind of load find in their caches; None where there are none to compare with."""
    others = _rates_of_siblings(replica) if replica.workload is not None else []
    return median(others) if others else None


def _rates_of_siblings(replica: Replica) -> list[float]:
    return [rate for item in _siblings(replica) if (rate := hit_rate(load.window(item))) is not None]


def _siblings(replica: Replica) -> Iterator[Replica]:
    """Some that serve the same: as many as make a median."""
    alike = (item for item in replica.facts.replicas if item.workload is replica.workload and item is not replica)
    return islice((item for item in alike if item.state is ReplicaState.READY), _SIBLINGS)


def hit_rate(found: Window | None) -> float | None:
    """The share of hits, where enough was asked for."""
    if found is None or found.earlier.prefix_queries is None or found.latest.prefix_queries is None:
        return None
    asked = found.latest.prefix_queries - found.earlier.prefix_queries
    return found.rates.prefix_hit_rate if asked >= _FEWEST else None
