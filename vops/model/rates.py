"""What happened to one vLLM server between two scrapes: rates, quantiles, whether its engine steps.

A restart between the scrapes (a counter fell, or the process started anew) has no rates. Nothing to measure is
None, never 0. Quantiles interpolate inside a bucket as PromQL's `histogram_quantile` does.
"""

from __future__ import annotations

from vops.model.serving import EngineRates, EngineSample, Histogram

_COUNTERS = ("generation_tokens", "prompt_tokens", "steps", "preemptions", "prefix_queries", "prefix_hits")


def rates(earlier: EngineSample, latest: EngineSample) -> EngineRates:
    """The rates over the window from `earlier` to `latest`; all None when a restart or no time lies between."""
    window_s = (latest.at - earlier.at).total_seconds()
    if window_s <= 0 or restarted(earlier, latest):
        return EngineRates(max(window_s, 0.0))
    ttft = _delta(earlier.ttft, latest.ttft)
    itl = _delta(earlier.itl, latest.itl)
    return EngineRates(
        window_s,
        tokens_per_s=_per_s(earlier.generation_tokens, latest.generation_tokens, window_s),
        prompt_tokens_per_s=_per_s(earlier.prompt_tokens, latest.prompt_tokens, window_s),
        preemptions_per_s=_per_s(earlier.preemptions, latest.preemptions, window_s),
        prefix_hit_rate=_hit_rate(earlier, latest),
        ttft_p50_s=quantile(ttft, 0.50),
        ttft_p95_s=quantile(ttft, 0.95),
        itl_p95_s=quantile(itl, 0.95),
        stepping=_stepping(earlier, latest),
        first_tokens=ttft.counts[-1] if ttft is not None else None,
        ttft_mean_s=_mean(ttft),
        itl_mean_s=_mean(itl),
        queue_mean_s=_mean(_delta(earlier.queue_time, latest.queue_time)),
        prefill_mean_s=_quotient(
            _growth(earlier.prefill_s, latest.prefill_s), _growth(earlier.prefills, latest.prefills)
        ),
    )


def restarted(earlier: EngineSample, latest: EngineSample) -> bool:
    """Whether another process answered the second scrape."""
    starts = (earlier.process_start, latest.process_start)
    if starts[0] is not None and starts[1] is not None and abs(starts[1] - starts[0]) > 1.0:
        return True
    return any(_fell(getattr(earlier, name), getattr(latest, name)) for name in _COUNTERS)


def quantile(histogram: Histogram | None, q: float) -> float | None:
    """The q-quantile of a histogram's observations; None without any.

    In the last bucket the answer is the largest finite bound, since nothing more is known.
    """
    if histogram is None or not histogram.bounds or histogram.counts[-1] <= 0:
        return None
    rank = q * histogram.counts[-1]
    index = next(at for at, count in enumerate(histogram.counts) if count >= rank)
    if index == len(histogram.bounds):
        return histogram.bounds[-1]
    upper = histogram.bounds[index]
    lower, below = (histogram.bounds[index - 1], histogram.counts[index - 1]) if index else (min(0.0, upper), 0.0)
    inside = histogram.counts[index] - below
    return upper if inside <= 0 else lower + (upper - lower) * (rank - below) / inside


def _mean(histogram: Histogram | None) -> float | None:
    return None if histogram is None else _quotient(histogram.sum, histogram.counts[-1])


def _quotient(total: float | None, number: float | None) -> float | None:
    return None if total is None or not number or number < 0 else max(0.0, total / number)


def _growth(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _fell(before: float | None, after: float | None) -> bool:
    return before is not None and after is not None and after < before


def _per_s(before: float | None, after: float | None, window_s: float) -> float | None:
    return None if before is None or after is None else (after - before) / window_s


def _hit_rate(earlier: EngineSample, latest: EngineSample) -> float | None:
    queries = _per_s(earlier.prefix_queries, latest.prefix_queries, 1.0)
    hits = _per_s(earlier.prefix_hits, latest.prefix_hits, 1.0)
    return None if not queries or hits is None else min(hits / queries, 1.0)


def _stepping(earlier: EngineSample, latest: EngineSample) -> bool | None:
    """True: the engine made steps; False: it has requests running and made none; None: idle, or not known."""
    if earlier.steps is None or latest.steps is None:
        return None
    if latest.steps > earlier.steps:
        return True
    return False if earlier.running and latest.running else None


def _delta(earlier: Histogram | None, latest: Histogram | None) -> Histogram | None:
    if earlier is None or latest is None or earlier.bounds != latest.bounds:
        return None
    counts = tuple(after - before for before, after in zip(earlier.counts, latest.counts, strict=True))
    return None if any(count < 0 for count in counts) else Histogram(latest.bounds, counts, latest.sum - earlier.sum)
