"""Why a replica is slow, or that it is not: where the time to the first token goes, and the flag or step that helps.

Unlike a finding it always has an answer: `slow` with the part that costs most, `not slow`, or `not known` with the
reason. It judges the same two scrapes as the rules about load, and takes their fixes.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from vops.diagnosis import remedies
from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix, Pace, Part, Slowness
from vops.diagnosis.rules.serving.kv_thrash import batch_fix, thrashes
from vops.diagnosis.rules.serving.prefix_cache_cold import hit_rate as measured_hit_rate
from vops.diagnosis.rules.serving.prefix_cache_cold import median_of_siblings
from vops.diagnosis.rules.serving.queue_saturated import QUEUE, queue_fix, queue_limit
from vops.diagnosis.serving import load
from vops.diagnosis.serving.load import Window
from vops.diagnosis.states import ReplicaState

SLOW_ITL_S = 0.15
"""Between two tokens, on average: people read about six tokens a second.

Its p95 says little: bounds of buckets are far apart there, and every prefill makes one long step.
"""
_FULL_STEP = 16.0
"""The requests in a step up to which it takes as long as reading the weights, however few they are."""
_MOST_OF = 0.5
"""The share of the time from which on a part is the reason."""
_COLD, _WARM = 0.1, 0.4
_LONG_PROMPT = 4096.0


def slowness(replica: Replica) -> Slowness:
    """The verdict on one replica, from its two newest scrapes."""
    found = load.window(replica)
    if found is None or replica.state is not ReplicaState.READY:
        return Slowness(Pace.UNKNOWN, without_secrets(f"not known whether it is slow: {_why_unknown(replica)}"))
    measured = _measured(found)
    verdict = _standing(found) or _calm(found)
    if verdict is not None:
        return msgspec.structs.replace(measured, pace=verdict[0], summary=verdict[1], part=verdict[2])
    return _blamed(replica, found, measured)


# --- what is known ----------------------------------------------------------------------------------------


def _why_unknown(replica: Replica) -> str:
    """Why two scrapes cannot be judged."""
    samples, rates = replica.samples, replica.rates
    if replica.state is not ReplicaState.READY:
        return f"it does not serve, it is {replica.state}"
    if samples is None:
        return "its metrics were not read"
    if samples.error:
        return f"its metrics cannot be read: {samples.error}"
    if samples.stale:
        return "its numbers are too old"
    if rates is None:
        return "there is one scrape so far, and only a second tells what happened in between"
    if rates.window_s < load.STEADY_S:
        return f"its scrapes are {rates.window_s:.1f} s apart, and less than {load.STEADY_S:.0f} s tell nothing"
    return "its process was started anew between the scrapes"


def _measured(found: Window) -> Slowness:
    rates = found.rates
    return Slowness(
        Pace.NOT_SLOW,
        "",
        ttft_s=rates.ttft_mean_s,
        queue_s=_queue_s(found),
        prefill_s=rates.prefill_mean_s,
        itl_s=rates.itl_mean_s,
        hit_rate=rates.prefix_hit_rate,
        preemptions_per_s=rates.preemptions_per_s,
        window_s=found.seconds,
    )


def _queue_s(found: Window) -> float | None:
    """How long the requests that got their first token had waited.

    vLLM tells of the queue when a request ends, which is of another time. While requests wait, what prefill does not
    explain of the first token is the queue's.
    """
    rates = found.rates
    if not found.latest.waiting or rates.ttft_mean_s is None or rates.prefill_mean_s is None:
        return rates.queue_mean_s
    return max(0.0, rates.ttft_mean_s - rates.prefill_mean_s)


# --- the verdicts that need no blame ----------------------------------------------------------------------

Verdict = tuple[Pace, str, Part | None]


def _standing(found: Window) -> Verdict | None:
    """Nothing moves at all."""
    if found.running <= 0 or found.rates.stepping is not False:
        return None
    said = f"slow: it makes no step while {found.running:.0f} requests run: its engine hangs, and d has the evidence"
    return Pace.SLOW, said, Part.STANDSTILL


def _calm(found: Window) -> Verdict | None:
    """It is fast enough, has nothing to do, or does not tell."""
    rates = found.rates
    if found.latest.ttft is None and found.latest.itl is None:
        return Pace.UNKNOWN, "not known whether it is slow: it exports no time to the first token", None
    if not rates.first_tokens and rates.itl_mean_s is None:
        if found.waiting:
            return None
        if found.load > 0:
            said = f"{found.running:.0f} requests run, and none of them got a token in {found.seconds:.0f} s"
            return Pace.UNKNOWN, f"not known whether it is slow: {said}", None
        return Pace.NOT_SLOW, f"not slow: it had nothing to do for {found.seconds:.0f} s", None
    if (rates.ttft_p95_s or 0.0) > load.SLOW_TTFT_S or (rates.itl_mean_s or 0.0) > SLOW_ITL_S:
        return None
    if not rates.first_tokens and found.waiting:
        return None
    return Pace.NOT_SLOW, f"not slow: {_pace_words(found)}", None


def _pace_words(found: Window) -> str:
    """`first token 412 ms (p95), then 31 ms a token`, as far as it is known."""
    rates = found.rates
    words = [f"first token {_seconds(rates.ttft_p95_s)} (p95)"] if rates.ttft_p95_s is not None else []
    words += [f"{_seconds(rates.itl_mean_s)} between tokens"] if rates.itl_mean_s is not None else []
    return ", ".join(words)


def _seconds(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


# --- who is to blame --------------------------------------------------------------------------------------


def _blamed(replica: Replica, found: Window, measured: Slowness) -> Slowness:
    """The part that costs most; the cause of a queue before the queue."""
    part = _part(replica, found, measured)
    if part is None:
        said = f"slow: {_pace_words(found)}; not known why: neither queue nor prefill of the requests that have ended"
        return msgspec.structs.replace(measured, pace=Pace.SLOW, summary=f"{said} explains it")
    words, fix = _SAID[part](replica, found, measured)
    return msgspec.structs.replace(measured, pace=Pace.SLOW, part=part, summary=f"slow: {words}", fix=fix)


def _part(replica: Replica, found: Window, measured: Slowness) -> Part | None:
    if thrashes(found):
        return Part.PREEMPTION
    if not found.rates.first_tokens and found.waiting:
        return Part.QUEUE
    whole = measured.ttft_s
    if (found.rates.ttft_p95_s or 0.0) <= load.SLOW_TTFT_S or not whole:
        return Part.DECODE if found.rates.itl_mean_s is not None else None
    if measured.queue_s is None and found.waiting >= QUEUE:
        return Part.QUEUE
    queue, prefill = measured.queue_s or 0.0, measured.prefill_s or 0.0
    if queue >= _MOST_OF * whole and queue >= prefill:
        return Part.QUEUE
    if prefill >= _MOST_OF * whole or prefill > queue > 0:
        return Part.CACHE_MISSES if _misses(replica, found) else Part.PREFILL
    return None


def _misses(replica: Replica, found: Window) -> bool:
    """Whether prompts are computed that need not be: caching is off, or the siblings find what it does not."""
    if _caching_off(replica):
        return True
    own, others = measured_hit_rate(found), median_of_siblings(replica)
    return own is not None and own <= _COLD and others is not None and others >= _WARM


def _caching_off(replica: Replica) -> bool:
    return any(flag.name == "no-enable-prefix-caching" for flag in replica.args.raw)


Said = tuple[str, Fix]


def _preempted(replica: Replica, found: Window, measured: Slowness) -> Said:
    many = f"{found.preemptions:.0f} requests were thrown out of the batch in {found.seconds:.0f} s"
    full = f" with its KV cache {found.kv_usage:.0%} full" if found.kv_usage is not None else ""
    return f"preemption: {many}{full}; {_pace_words(found)}", batch_fix(replica, found)


def _queued(replica: Replica, found: Window, measured: Slowness) -> Said:
    limit = queue_limit(replica, found)
    because = f", since {limit}" if limit else ""
    if measured.ttft_s is not None and measured.queue_s is None:
        spent = _pace_words(found)
    elif measured.ttft_s is None:
        spent = f"no request got its first token in {found.seconds:.0f} s while {found.waiting:.0f} wait"
    else:
        spent = f"{_seconds(measured.queue_s)} of {_seconds(measured.ttft_s)} to the first token"
    return f"queue: {spent}, {found.latest.waiting or 0:.0f} wait{because}", queue_fix(replica, found)


def _prefilled(replica: Replica, found: Window, measured: Slowness) -> Said:
    spent = f"{_seconds(measured.prefill_s)} of {_seconds(measured.ttft_s)} to the first token"
    length = _prompt_tokens(found)
    prompts = f", prompts of {length:.0f} tokens" if length else ""
    hits = f", {measured.hit_rate:.0%} of them cached" if measured.hit_rate is not None else ""
    steps = (_prefill_step(replica, length), "Or split prefill from decode: vops run disaggregate.")
    return f"prefill: {spent}{prompts}{hits}", remedies.by_steps(replica, "Make prompts cheaper", steps)


def _prefill_step(replica: Replica, length: float | None) -> str:
    size = replica.args.tensor_parallel_size or 1
    given = replica.args.max_num_batched_tokens
    if length and length > (given or _LONG_PROMPT) and (given or 0) < length:
        now = f" (it is {given} now)" if given else ""
        return f"Set --max-num-batched-tokens {_up(length)}: prompts go through in one step then{now}."
    return f"Set --tensor-parallel-size {2 * size} on as many GPUs: each prompt takes about half as long then."


def _up(length: float) -> int:
    """The next power of two."""
    return 1 << max(0, int(length) - 1).bit_length()


def _prompt_tokens(found: Window) -> float | None:
    """The mean length of the prompts that were begun in the window."""
    per_s, begun = found.rates.prompt_tokens_per_s, found.rates.first_tokens
    return per_s * found.seconds / begun if per_s and begun else None


def _missed(replica: Replica, found: Window, measured: Slowness) -> Said:
    spent = f"{_seconds(measured.prefill_s)} of {_seconds(measured.ttft_s)} to the first token is prefill"
    if _caching_off(replica):
        steps = ("Take --no-enable-prefix-caching out: prompts that begin alike are computed each time anew.",)
        return f"cache misses: {spent}, and prefix caching is off", remedies.by_steps(replica, "Cache prefixes", steps)
    others = median_of_siblings(replica) or 0.0
    title = "Send requests with the same beginning to the same replica"
    how = "Route by prefix or session (Gateway API inference extension, vLLM's router)."
    said = f"cache misses: {spent}; {measured.hit_rate or 0:.0%} of its prompts are cached, its siblings' {others:.0%}"
    return said, remedies.advice(title, how)


def _decoding(replica: Replica, found: Window, measured: Slowness) -> Said:
    batch = f", {found.running:.0f} requests share each step" if found.running > 1 else ""
    said = f"decode: {_seconds(measured.itl_s)} between tokens{batch}"
    if found.running <= _FULL_STEP:
        return said, remedies.by_steps(replica, "Make a step shorter", _shorter_steps(replica))
    half = int(found.running) // 2
    steps = (
        f"Set --max-num-seqs {half}: half as many share a step, and the others wait for it.",
        "Or add a replica: the same requests in two batches.",
    )
    params = {"container": replica.container.name, "max_num_seqs": half}
    title = "Let fewer requests share a step"
    return said, remedies.runbook(
        replica, "fix-batch-size", title, Applicability.ASK, params, by_hand=steps, notes=steps
    )


def _shorter_steps(replica: Replica) -> tuple[str, ...]:
    """What helps where reading the weights is what takes long."""
    size = replica.args.tensor_parallel_size or 1
    eager = ("Take --enforce-eager out: CUDA graphs make each step shorter.",) if replica.args.enforce_eager else ()
    split = f"Set --tensor-parallel-size {2 * size} on as many GPUs: each reads half of the weights."
    smaller = (
        () if replica.args.quantization else ("Or serve an FP8 or 4-bit version of the model: there is less to read.",)
    )
    return (*eager, split, *smaller)


_SAID: dict[Part, Callable[[Replica, Window, Slowness], Said]] = {
    Part.PREEMPTION: _preempted,
    Part.QUEUE: _queued,
    Part.PREFILL: _prefilled,
    Part.CACHE_MISSES: _missed,
    Part.DECODE: _decoding,
}
