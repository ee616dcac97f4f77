"""The KV cache is too small for what runs: requests are thrown out of the batch and computed again.

What it finds
    Preemptions at a steady rate (at least 3 between two scrapes, and one in ten seconds) while the cache is 90 % full
    or more. A single preemption happens to every busy server, and a full cache without any is what a cache is for.
    Or a log that counts them: vLLM 0.4 to 0.9 warns of the first and of every fiftieth, newer ones in their statistics.
    Or an engine of vLLM before 0.9 that ended because what it threw out had no room in the CPU's memory either.

Why it matters
    A preempted request starts again from its prompt: throughput falls just when it is needed, and latency jumps.

Evidence
    The preemptions, the usage of the cache and the requests at both scrapes, and the size of the cache in tokens.

Fix
    `fix-batch-size`, else by hand: fewer requests at once, as many as the cache held; more cache for each GPU;
    or more replicas.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.serving import load
from vops.diagnosis.serving.load import Window
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_FEWEST = 3
_PER_S = 0.1
_OF_ALL = 0.1
_COUNTED = 50
"""Preemptions of which a log tells: more than the first, of which every log does."""

_NO_SWAP = lazy_pattern(r"lack of CPU swap space")


@rule(cause="kv-thrash", branch=Branch.TRAFFIC, needs={Source.METRICS}, explains={"queue-saturated"}, order=40)
def kv_thrash(replica: Replica) -> Verdict | None:
    found = load.window(replica)
    if found is None or found.kv_usage is None or not thrashes(found):
        return None
    size = f" of {found.latest.kv_tokens} tokens" if found.latest.kv_tokens else ""
    return Verdict(
        summary=f"{replica.name} throws requests out of its batch {found.preemptions:.0f} times in "
        f"{found.seconds:.0f} s: its KV cache{size} is {found.kv_usage:.0%} full",
        evidence=(
            load.scraped(found, "vllm:num_preemptions_total", f"+{found.preemptions:.0f}", "+0"),
            load.scraped(found, "KV cache usage", load.both(found, "kv_usage"), "below 0.9"),
            load.scraped(found, "vllm:num_requests_running", load.both(found, "running")),
            load.scraped(found, "vllm:num_requests_waiting", load.both(found, "waiting")),
        ),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(batch_fix(replica, found),),
    )


@rule(cause="kv-thrash", branch=Branch.TRAFFIC, needs={Source.LOGS}, explains={"queue-saturated"}, order=41)
def kv_thrash_by_log(replica: Replica) -> Verdict | None:
    log = replica.log
    if log is None or not log.ready or log.load.preempted < _COUNTED:
        return None
    number, now = log.load.preempted, log.load.last(1)
    return Verdict(
        summary=f"{replica.name} has thrown requests out of its batch {number} times: its KV cache is too small"
        + (f" ({now[0].words})" if now else ""),
        evidence=(evidence.log_line(log.load.preempted_line, f"{number} preemptions"),),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(remedies.by_steps(replica, "Run no more requests at once than the cache holds", _steps(replica, None)),),
    )


@rule(cause="kv-thrash", branch=Branch.TRAFFIC, needs={Source.METRICS}, explains={"queue-saturated"}, order=42)
def kv_thrash_by_count(replica: Replica) -> Verdict | None:
    """One scrape, and in the life of the process a preemption for every ten requests that it finished."""
    found = load.only(replica)
    if found is None or (found.kv_usage or 0.0) < load.FULL or not found.waiting:
        return None
    thrown, done = found.preemptions or 0.0, sum(found.finished.values())
    if thrown < _COUNTED or thrown < _OF_ALL * done:
        return None
    return Verdict(
        summary=f"{replica.name} has thrown requests out of its batch {thrown:.0f} times, and its KV cache is "
        f"{found.kv_usage or 0:.0%} full: it is too small for them",
        evidence=(
            Evidence("metrics", "vllm:num_preemptions_total", f"{thrown:g}"),
            Evidence("metrics", "vllm:request_success_total", f"{done:g}"),
            Evidence("metrics", "vllm:num_requests_waiting", f"{found.waiting:g}"),
        ),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(remedies.by_steps(replica, "Run no more requests at once than the cache holds", _steps(replica, None)),),
    )


@rule(cause="kv-thrash", branch=Branch.DIED, needs={Source.LOGS}, order=34, even_when_ready=True, signature=_NO_SWAP)
def swap_space_full(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _NO_SWAP)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"The engine of {replica.name} ended: requests thrown out of its KV cache had no room in its swap space",
        remedies.by_steps(
            replica,
            "Run no more requests at once than the cache holds",
            (
                *_steps(replica, None),
                "Requests with n or best_of above 1 are swapped, not computed again: give --swap-space 16 (GiB a "
                "GPU, of the pod's memory limit), or use vLLM 0.9 or newer, which has no swap space.",
            ),
        ),
    )


def thrashes(found: Window) -> bool:
    """Whether requests are thrown out of a full cache at a steady rate."""
    full = found.kv_usage is not None and found.kv_usage >= load.FULL
    return full and found.preemptions >= _FEWEST and (found.rates.preemptions_per_s or 0.0) >= _PER_S


def batch_fix(replica: Replica, found: Window) -> Fix:
    """As many requests at once as the cache has held."""
    held = max(1, int(found.running * load.FULL))
    steps = _steps(replica, held)
    return remedies.runbook(
        replica,
        "fix-batch-size",
        "Run no more requests at once than the cache holds",
        Applicability.ASK,
        {"container": replica.container.name, "max_num_seqs": held},
        by_hand=steps,
        notes=steps,
    )


def _steps(replica: Replica, held: int | None) -> tuple[str, ...]:
    given = replica.args.gpu_memory_utilization
    more = f" (it is {given:g} now)" if given is not None else ""
    fewer = f"Set --max-num-seqs {held}" if held else "Set --max-num-seqs to less than what runs at once"
    return (
        f"{fewer}: that is what fits at the length that requests have now.",
        f"For more cache on the same GPU: raise --gpu-memory-utilization by 0.03{more}, or --kv-cache-dtype fp8.",
        "For more load: another replica, or a larger tensor-parallel size.",
    )
