"""More requests come than the server can take: they queue.

What it finds
    At least 5 requests that wait at both of two scrapes while others run. It says what the limit is: the KV cache is
    full, or as many requests run as --max-num-seqs allows. Fewer, or a queue at one scrape only, is how batching works.

Why it matters
    Every second in the queue is added to the time to the first token, and a queue that does not empty grows.

Evidence
    Requests running and waiting and the cache's usage at both scrapes; the time to the first token.

Fix
    `fix-batch-size` where the cache has room, else by hand: more replicas; a larger batch where the cache has room
    for it.
"""

from __future__ import annotations

from vops.diagnosis import load, remedies
from vops.diagnosis.evidence import container_field
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.load import Window
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

QUEUE = 5
"""The queue from which on autoscalers of vLLM add a replica (the guides say 3 to 5)."""

_AT_LIMIT = 0.95
_ROOM = 0.7


@rule(cause="queue-saturated", branch=Branch.TRAFFIC, needs={Source.METRICS}, order=45)
def queue_saturated(replica: Replica) -> Verdict | None:
    found = load.window(replica)
    if found is None or found.waiting < QUEUE or found.running <= 0 or found.rates.stepping is False:
        return None
    limit = _limit(replica, found)
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
        fixes=(_fix(replica, found),),
    )


def _limit(replica: Replica, found: Window) -> str:
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


def _fix(replica: Replica, found: Window) -> Fix:
    title, add = "Make room for the requests that wait", "Add a replica, or raise the maximum of its autoscaler."
    room = found.kv_usage is not None and 0 < found.kv_usage < _ROOM
    if room and found.kv_usage and "--max-num-seqs" in _limit(replica, found):
        more = int(found.running / found.kv_usage * load.FULL) // 8 * 8
        steps = (f"Set --max-num-seqs {more}: the KV cache is only {found.kv_usage:.0%} full.", add)
        params = {"container": replica.container.name, "max_num_seqs": more}
        return remedies.runbook(replica, "fix-batch-size", title, Applicability.ASK, params, by_hand=steps, notes=steps)
    return remedies.by_steps(replica, title, (add,))
