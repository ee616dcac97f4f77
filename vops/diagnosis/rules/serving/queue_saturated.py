"""More requests come than the server can take: they queue.

What it finds
    At least 5 requests that wait at both of two scrapes while others run. It says what the limit is: the KV cache is
    full, or as many requests run as --max-num-seqs allows. Fewer, or a queue at one scrape only, is how batching works.
    Or such a queue in each of the newest statistics of a log, which does not get shorter, or fifty that wait at the
    only scrape that there is or in the few lines that there are, or five times as many as run before a full cache, or
    more in each of three lines than in the one before.

Why it matters
    Every second in the queue is added to the time to the first token, and a queue that does not empty grows.

Evidence
    Requests running and waiting and the cache's usage at both scrapes; the time to the first token.

Fix
    `fix-batch-size` where the cache has room for a larger batch, else `scale`, or `fix-autoscaler-max` where an
    autoscaler sets the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.evidence import container_field, log_line
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.serving import load
from vops.diagnosis.serving.load import Window
from vops.diagnosis.serving.told_load import Told
from vops.model.snapshot import Source

QUEUE = 5
"""The queue from which on autoscalers of vLLM add a replica (the guides say 3 to 5)."""

_CROWD = 50
_THRONG = 100
_LIMITS = (128, 256, 512, 1024)
"""What --max-num-seqs is where nobody sets it, by version and GPU."""

_LINES = 4
"""Lines of statistics, which are 5 or 10 seconds apart."""

_TWO = 2
_MANY_TIMES = 5
"""So many times as many requests wait as run, before a full cache: no moment's queue, even in a single line."""

_AT_LIMIT = 0.95
_ROOM = 0.7


@rule(cause="queue-saturated", branch=Branch.TRAFFIC, needs={Source.METRICS}, order=45)
def queue_saturated(replica: Replica) -> Verdict | None:
    found = load.window(replica)
    if found is None or found.waiting < QUEUE or found.running <= 0 or found.rates.stepping is False:
        return None
    limit = queue_limit(replica, found)
    ttft = found.rates.ttft_p95_s
    return Verdict(
        summary=f"{found.waiting:.0f} or more requests wait at {replica.name} while {found.running:.0f} run"
        + (f": {limit}" if limit else "")
        + (f"; first tokens take {ttft:.1f} s (p95)" if ttft is not None else ""),
        evidence=(
            load.scraped(found, "vllm:num_requests_waiting", load.both(found, "waiting"), f"below {QUEUE}"),
            load.scraped(found, "vllm:num_requests_running", load.both(found, "running")),
            load.scraped(found, "KV cache usage", load.both(found, "kv_usage")),
            *_flag(replica),
        ),
        confidence=Confidence.STRONG if limit else Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(queue_fix(replica, found),),
    )


@rule(cause="queue-saturated", branch=Branch.TRAFFIC, needs={Source.LOGS}, order=46)
def queue_saturated_by_log(replica: Replica) -> Verdict | None:
    log = replica.log
    told = log.load.last(_LINES) if log is not None and log.ready else ()
    waits = [item.waiting for item in told]
    if not told or min(waits) < QUEUE or waits[-1] < waits[0] or not all(item.running for item in told):
        return None
    return Verdict(
        summary=f"{waits[-1]} requests wait at {replica.name}, and were {waits[0]} before: {told[-1].words}"
        f"{_thrown_out(replica)}",
        evidence=(*(log_line(item.line, item.words) for item in (told[0], told[-1])), *_preemptions(replica)),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(_one_more(replica),),
    )


@rule(cause="queue-saturated", branch=Branch.TRAFFIC, needs={Source.LOGS}, order=48)
def queue_saturated_by_a_line(replica: Replica) -> Verdict | None:
    """A line or a few of statistics, all that was handed in, with a queue that no step empties."""
    log = replica.log
    told = log.load.told if log is not None and log.ready else ()
    now = told[-1] if told and len(told) < _LINES else None
    if now is None or not now.running or not (_backed_up(now) or (len(told) > 1 and _grows(told))):
        return None
    return Verdict(
        summary=f"{now.waiting} requests wait at {replica.name} while {now.running} run: {now.words}"
        f"{_thrown_out(replica)}",
        evidence=(log_line(now.line, now.words), *_preemptions(replica)),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(_one_more(replica),),
    )


def _thrown_out(replica: Replica) -> str:
    """What the same log says of the cache: a queue before one that runs full is not for want of replicas alone."""
    many = replica.log.load.preempted if replica.log is not None else 0
    return f"; {many} preempted, since the KV cache had no room" if many else ""


def _preemptions(replica: Replica) -> tuple[Evidence, ...]:
    load_told = replica.log.load if replica.log is not None else None
    if load_told is None or not load_told.preempted:
        return ()
    return (log_line(load_told.preempted_line, f"{load_told.preempted} preempted"),)


def _backed_up(now: Told) -> bool:
    return (now.full or 0.0) >= _AT_LIMIT and now.running * _MANY_TIMES <= now.waiting


def _grows(told: Sequence[Told]) -> bool:
    """Whether a queue that no step empties gets no shorter, or one before a full cache longer each time."""
    return _piles_up(told) or (told[-1].waiting >= told[0].waiting and all(map(_crowded, told)))


def _piles_up(told: Sequence[Told]) -> bool:
    """Whether more wait in each line than in the one before, and than run in the end, and no line has room."""
    waits = [item.waiting for item in told]
    longer = all(before < after for before, after in pairwise(waits))
    full = all((item.full or 0.0) >= _AT_LIMIT for item in told)
    return full and longer and waits[0] >= QUEUE and waits[-1] >= told[-1].running and len(told) > _TWO


def _crowded(told: Told) -> bool:
    return told.waiting >= max(told.running, _CROWD) or told.waiting >= max(QUEUE, _MANY_TIMES * told.running)


@rule(cause="queue-saturated", branch=Branch.TRAFFIC, needs={Source.METRICS}, order=47)
def queue_saturated_at_once(replica: Replica) -> Verdict | None:
    """One scrape, with more requests that wait than run, or many while a usual limit runs: no step empties those."""
    found = load.only(replica)
    waiting, running = (found.waiting or 0.0, found.running or 0.0) if found is not None else (0.0, 0.0)
    more = running <= waiting or (waiting >= _THRONG and running in _LIMITS)
    if waiting < _CROWD or not running or not more:
        return None
    return Verdict(
        summary=f"{waiting:.0f} requests wait at {replica.name} while {running:.0f} run",
        evidence=(
            Evidence("metrics", "vllm:num_requests_waiting", f"{waiting:g}", f"below {QUEUE}"),
            Evidence("metrics", "vllm:num_requests_running", f"{running:g}"),
        ),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(_one_more(replica),),
    )


def queue_limit(replica: Replica, found: Window) -> str:
    """What keeps it from taking more; empty when neither limit is reached."""
    if found.kv_usage is not None and found.kv_usage >= load.FULL:
        return f"its KV cache is {found.kv_usage:.0%} full"
    most = load.most_running(replica, found)
    if most is not None and found.running >= _AT_LIMIT * most:
        return f"it runs {most} at once and no more (--max-num-seqs)"
    return ""


def _flag(replica: Replica) -> tuple[Evidence, ...]:
    given = replica.args.max_num_seqs
    return (container_field(replica, "args[--max-num-seqs]", given),) if given is not None else ()


def queue_fix(replica: Replica, found: Window) -> Fix:
    """A larger batch where the cache has room for it, else one replica more."""
    title = "Make room for the requests that wait"
    room = found.kv_usage is not None and 0 < found.kv_usage < _ROOM
    if room and found.kv_usage and "--max-num-seqs" in queue_limit(replica, found):
        more = int(found.running / found.kv_usage * load.FULL) // 8 * 8
        first = f"Set --max-num-seqs {more}: the KV cache is only {found.kv_usage:.0%} full."
        steps = (first, "Add a replica, or raise the maximum of its autoscaler.")
        params = {"container": replica.container.name, "max_num_seqs": more}
        return remedies.runbook(replica, "fix-batch-size", title, Applicability.ASK, params, by_hand=steps, notes=steps)
    return _one_more(replica)


def _one_more(replica: Replica) -> Fix:
    """Another replica: by its autoscaler where it has one, since that would take back what is set by hand."""
    owner = replica.owner
    workload = replica.facts.workload(owner.kind, owner.namespace, owner.name) if owner is not None else None
    if workload is None:
        return remedies.by_steps(replica, "Add a replica", ("Add a replica: the others keep what they have.",))
    scaler = next(iter(workload.scalers), None)
    if scaler is None:
        number = workload.desired + 1
        said = f"Set replicas to {number}: what waits is shared among them."
        return remedies.operation(
            replica, "scale", "Add a replica", {"replicas": number}, by_hand=(said,), notes=(said,)
        )
    most = scaling.most_replicas(scaler)
    if workload.desired >= most:
        said = f"{scaler.ref.kind} {scaler.name} may have {most} replicas at most: raise it to {most + 1}."
        return remedies.of_object(
            "fix-autoscaler-max", "Let the autoscaler add a replica", Applicability.ASK, scaler.ref,
            {"maximum": most + 1}, (said,),
        )  # fmt: skip
    said = f"{scaler.ref.kind} {scaler.name} decides how many there are: see why it asks for no more."
    kind = "so" if scaler.scaled_object is not None else "hpa"
    look = f"vops diagnose {kind}/{scaler.name} -n {scaler.namespace}"
    return remedies.advice("Let the autoscaler add a replica", f"{said} {look}")
