"""After the weights, too little GPU memory is left for a KV cache that holds one request of full length.

What it finds
    vLLM's refusal to start, in the words of every version: with an estimate of what would fit, without one (0.8.5 never
    prints it), or with no room for any cache at all.

Why it matters
    It fails after minutes of loading, on every restart.

Evidence
    The sizes that vLLM printed: what the context needs, what is there, and the largest context that fits.

Fix
    `fix-kv-cache` lowers --max-model-len to what fits, rounded down to a multiple of 256. Longer requests are then
    refused. With no room at all `fix-cuda-oom` gives the engine a larger share of the GPU, or halves --max-num-seqs;
    where neither is left, only more memory helps, and that is said instead.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

STEP = 256
_ROUNDING = 0.005

_TOO_SMALL = lazy_pattern(
    r"max seq len \((\d{1,9})\),? \(?([\d.]{1,12}) Gi?B KV cache is needed,? which is larger than the available "
    r"KV cache memory \(([\d.]{1,12}) Gi?B\)",
    re.ASCII,
)
_ESTIMATE = lazy_pattern(r"estimated maximum model length is (\d{1,9})", re.ASCII)
_V0 = lazy_pattern(
    r"max seq len \((\d{1,9})\) is larger than the maximum number of tokens that can be stored in KV cache "
    r"\((\d{1,9})\)",
    re.ASCII,
)
_NONE = lazy_pattern(
    r"No available memory for the cache blocks|GiB KV cache is needed|Cannot auto-fit max_model_len"
    r"|^ValueError: To serve at least one request with.{0,80}$|[Tt]he model's max seq len \(\d{1,9}\)?.{0,20}$"
    r"|Not enough memory for \d+ blocks of KV cache"
)
_STATES = lazy_pattern(
    r"max_num_seqs \((\d{1,9})\) exceeds (?:the )?available (?:Mamba|\w{1,20}) cache blocks \((\d{1,9})\)", re.ASCII
)
_ANY = lazy_pattern(f"{_TOO_SMALL.pattern}|{_V0.pattern}|{_NONE.pattern}|{_STATES.pattern}", re.ASCII)


_USUAL, _RAISE, _MOST_UTILIZATION = 0.9, 0.03, 0.95


class Shortage(msgspec.Struct, frozen=True):
    """Tokens asked for and tokens that fit (None: vLLM found no room at all); GiB where it printed them."""

    wanted: int = 0
    fits: int | None = None
    needed_gib: float | None = None
    available_gib: float | None = None
    printed: bool = True


@rule(cause="kv-cache-too-small", branch=Branch.DIED, needs={Source.LOGS}, order=33, signature=_ANY)
def kv_cache_too_small(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _ANY)
    if hit is None:
        return None
    if states := _STATES.search(hit[0].message):
        return deaths.verdict(
            replica,
            hit,
            f"{replica.name} has cache for the states of {states[2]} sequences, and --max-num-seqs is {states[1]}",
            deaths.steps(replica, "Let fewer sequences run at once", f"Set --max-num-seqs {states[2]}."),
        )
    shortage = read_shortage(hit[0].message)
    return Verdict(
        summary=_summary(replica, shortage),
        evidence=(*deaths.shown(replica, hit), *_evidence(replica, shortage)),
        confidence=deaths.confidence(replica),
        fixes=(_fix(replica, shortage),),
    )


def read_shortage(message: str) -> Shortage:
    """The numbers in vLLM's message; where it prints no estimate, the one that its sizes give, on the safe side."""
    message = " ".join(message.split())  # whoever wrapped it for others to read
    if match := _V0.search(message):
        return Shortage(int(match[1]), int(match[2]))
    match = _TOO_SMALL.search(message)
    if match is None:
        return Shortage()
    wanted, needed, available = int(match[1]), _gib(match[2]), _gib(match[3])
    estimate = _ESTIMATE.search(message)
    if estimate is not None:
        return Shortage(wanted, int(estimate[1]), needed, available)
    per_token = (needed + _ROUNDING) / wanted if wanted else 0.0
    fits = int(max(available - _ROUNDING, 0.0) / per_token) if per_token else 0
    return Shortage(wanted, fits, needed, available, printed=False)


def _gib(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def rounded(tokens: int) -> int:
    """Tokens rounded down to a multiple of STEP."""
    return tokens // STEP * STEP


def _summary(replica: Replica, shortage: Shortage) -> str:
    if shortage.fits is None:
        return f"{replica.name} has no GPU memory left for a KV cache after loading the model"
    sizes = ""
    if shortage.needed_gib is not None and shortage.available_gib is not None:
        sizes = f" needs {shortage.needed_gib:g} GiB of KV cache and {shortage.available_gib:g} GiB is there"
    else:
        sizes = " does not fit the KV cache"
    about = "" if shortage.printed else "about "
    return f"A context of {shortage.wanted:,} tokens{sizes}: {about}{shortage.fits:,} tokens fit"


def _evidence(replica: Replica, shortage: Shortage) -> tuple[Evidence, ...]:
    log = replica.death_log
    asked = replica.args.max_model_len or (log.arguments.get("max_model_len") if log is not None else None)
    given = str(asked) if asked is not None else "not given: the model's own maximum"
    fits = f"at most {rounded(shortage.fits)}" if shortage.fits else "nothing fits"
    found = [evidence.container_field(replica, "args --max-model-len", given, expected=fits)]
    if shortage.fits is not None and not shortage.printed:
        found.append(
            Evidence(
                "log",
                "computed",
                f"this version prints no estimate; {shortage.available_gib:g} GiB at the printed size of "
                f"{shortage.needed_gib:g} GiB for {shortage.wanted} tokens hold {shortage.fits}",
            )
        )
    return tuple(found)


def _fix(replica: Replica, shortage: Shortage) -> Fix:
    fits = rounded(shortage.fits or 0)
    if fits < STEP:
        return _more_room(replica)
    return remedies.runbook(
        replica,
        "fix-kv-cache",
        f"Lower --max-model-len from {shortage.wanted} to {fits} (longer requests will be refused)",
        Applicability.SAFE,
        {"container": replica.container.name, "max_model_len": fits},
        by_hand=(
            f"Set --max-model-len {fits} on container {replica.container.name}; longer requests will be refused.",
        ),
    )


def _more_room(replica: Replica) -> Fix:
    """A larger share of the GPU where it leaves one, or half the sequences; a larger or another GPU by hand."""
    title, now, sequences = "Leave more GPU memory to the KV cache", _utilization(replica), replica.args.max_num_seqs
    more = round(min(now + _RAISE, _MOST_UTILIZATION), 2)
    steps = (
        f"Raise --gpu-memory-utilization (now {now:g}), if nothing else uses the GPU; or lower --max-num-seqs;",
        "or use a quantized model, a larger GPU, or more of them (--tensor-parallel-size).",
    )
    change: dict[str, Any] = {"gpu_memory_utilization": more} if more > now else {}
    change |= {"max_num_seqs": sequences // 2} if not change and sequences and sequences > 1 else {}
    if not change or not replica.observed:
        return remedies.by_steps(replica, title, steps)
    return remedies.runbook(
        replica,
        "fix-cuda-oom",
        title,
        Applicability.ASK,
        {"container": replica.container.name, **change},
        by_hand=steps,
        notes=steps[1:],
    )


def _utilization(replica: Replica) -> float:
    return replica.args.gpu_memory_utilization or _USUAL
