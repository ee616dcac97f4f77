"""The engine has requests and makes no step, while /health still answers.

What it finds
    Requests run at both of two scrapes of one process, and between them the engine made no step and no token. From 15
    seconds on it is a suspicion: a first request may compile kernels for so long. From a minute on it is an error; vLLM
    itself warns of its workers after 60 seconds. An idle server makes no steps either, and is left alone. Or a log in
    which the server of an older vLLM gave up a step after 60 seconds, or whose statistics stand still.

Why it matters
    The pod stays Ready and in its Service, and every request that reaches it hangs until the client gives up. Probes on
    /health do not see it.

Evidence
    The step and token counters at both scrapes, the requests that run, what the log says, how busy the GPU is.

Fix
    By hand: delete the pod; first keep what shows where it hangs.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.serving import load
from vops.diagnosis.serving.load import Window
from vops.model.patterns import lazy_pattern
from vops.model.quantities import format_duration
from vops.model.snapshot import Source

_SUSPICIOUS_S = 15.0
_CERTAIN_S = 60.0
_TIMED_OUT = lazy_pattern(
    r"^Hang: |TimeoutError.{0,40} @ .{0,120}async_llm_engine\.py:|Engine iteration timed out"
    r"|RayChannelTimeoutError"
    r"|TimeoutError: (?:MQLLMEngine didn't reply|[Ss]erver didn't reply|No heartbeat received from MQLLMEngine)"
)
_WAITS = lazy_pattern(r"No available (?:shared memory broadcast )?block found in \d{2,3} second")
_DEAF = lazy_pattern(r"^Thread: ")
_MINUTES = 3
_STILL = 4
"""Lines of statistics, which are 5 or 10 seconds apart."""
_STUCK = lazy_pattern(r"No available shared memory broadcast block|Watchdog caught collective operation timeout")


@rule(cause="engine-wedged", branch=Branch.TRAFFIC, needs={Source.METRICS}, explains={"queue-saturated"}, order=30)
def engine_wedged(replica: Replica) -> Verdict | None:
    found = load.window(replica, _SUSPICIOUS_S)
    if found is None or not _stands_still(found):
        return None
    said = _said(replica)
    sure = found.seconds >= _CERTAIN_S or bool(said)
    return Verdict(
        summary=f"{replica.name} has {found.running:.0f} requests running and has made no step for "
        f"{format_duration(found.seconds)}: its engine hangs while the pod is Ready",
        evidence=(
            load.scraped(found, "vllm:iteration_tokens_total_count", load.both(found, "steps"), "growing"),
            load.scraped(found, "vllm:generation_tokens_total", load.both(found, "generation_tokens"), "growing"),
            load.scraped(found, "vllm:num_requests_running", load.both(found, "running")),
            *said,
            *_gpus(replica),
        ),
        confidence=Confidence.STRONG if sure else Confidence.PROBABLE,
        severity=Severity.ERROR if sure else Severity.WARNING,
        fixes=(_fix(replica),),
    )


@rule(cause="engine-wedged", branch=Branch.TRAFFIC, needs={Source.LOGS}, explains={"queue-saturated"}, order=31)
def engine_wedged_by_log(replica: Replica) -> Verdict | None:
    """Requests run, and a process has waited for another one for minutes. One that is idle waits as long, rightly."""
    log = replica.log
    waits = [item for item in log.notices if _WAITS.search(item.message)] if log is not None and log.ready else []
    last = log.load.last(1) if log is not None else ()
    if log is None or not last or not last[0].running or len(waits) < _MINUTES:
        return None
    return Verdict(
        summary=f"{replica.name} had {last[0].running} requests running and one of its processes waits for another "
        f"since {len(waits)} minutes or more",
        evidence=(evidence.log_line(waits[-1].line, f"{waits[-1].message[:120]} ({len(waits)} such lines)"),),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(_fix(replica),),
    )


@rule(cause="engine-wedged", branch=Branch.TRAFFIC, needs={Source.LOGS}, explains={"queue-saturated"}, order=32)
def engine_stands_still(replica: Replica) -> Verdict | None:
    """Its newest statistics tell of requests and of no token, for longer than a first request compiles."""
    log = replica.log
    still = log.load.last(_STILL) if log is not None and log.ready else ()
    if not still or not all(item.stands_still for item in still):
        return None
    return Verdict(
        summary=f"{replica.name} has requests and makes no token: {still[-1].words}",
        evidence=tuple(evidence.log_line(item.line, item.words) for item in (still[0], still[-1])),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(_fix(replica),),
    )


@rule(
    cause="engine-wedged", branch=Branch.DIED, needs={Source.LOGS}, order=63, even_when_ready=True, signature=_TIMED_OUT
)
def engine_step_timed_out(replica: Replica) -> Verdict | None:
    """A step that took so long that the server of vLLM 0.4 to 0.8 gave its engine up."""
    hit = deaths.error(replica, _TIMED_OUT)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"A step of {replica.name} took longer than VLLM_ENGINE_ITERATION_TIMEOUT_S (60 s): its engine hangs",
        _fix(replica),
    )


@rule(cause="engine-wedged", branch=Branch.DIED, needs={Source.LOGS}, order=63, even_when_ready=True, signature=_DEAF)
def engine_deaf(replica: Replica) -> Verdict | None:
    """An engine whose thread that takes requests from the server has ended: it lives, and gets none any more."""
    hit = deaths.error(replica, _DEAF)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"The engine of {replica.name} takes no requests any more: the thread that brings them to it has ended",
        _fix(replica),
    )


def _fix(replica: Replica) -> Fix:
    first = (
        f"First, to learn where it hangs: kubectl -n {replica.namespace} exec {replica.name} -- py-spy dump "
        "--pid 1 (and the EngineCore process), and keep its log."
    )
    then = "Where it comes back: start with NCCL_DEBUG=INFO, and without the newest optimisation that was added."
    return remedies.operation(
        replica,
        "restart-replica",
        "Replace the pod",
        {"pod": replica.name, "drain": "1s"},
        by_hand=(first, f"kubectl -n {replica.namespace} delete pod {replica.name}", then),
        notes=(first, then),
    )


def _stands_still(found: Window) -> bool:
    """No step, no token generated or read, with requests running at both ends."""
    if found.running <= 0 or found.rates.stepping is True:
        return False
    counters = (found.rates.tokens_per_s, found.rates.prompt_tokens_per_s)
    known = found.rates.stepping is False or counters[0] is not None
    return known and not any(counters)


def _said(replica: Replica) -> tuple[Evidence, ...]:
    hit = replica.log.notice(_STUCK) if replica.log is not None else None
    return (evidence.log_line(hit[0].line, hit[0].message),) if hit is not None else ()


def _gpus(replica: Replica) -> tuple[Evidence, ...]:
    """A GPU at 100 % that makes nothing waits in a collective operation; at 0 % nothing was given to it."""
    known = [gpu for gpu in replica.gpus if gpu.utilisation is not None]
    words = ", ".join(f"GPU {gpu.index} {gpu.utilisation:.0%}" for gpu in known)
    return (Evidence("dcgm", "DCGM_FI_DEV_GPU_UTIL", words),) if words else ()
