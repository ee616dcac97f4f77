"""CUDA runs out of memory after the weights were loaded: in profiling, graph capture or under load.

What it finds
    PyTorch's out-of-memory error at a stage after weight loading, with no other process holding a share that matters.

Why it matters
    The stage decides the cure: what vLLM did not budget for differs between graph capture and serving.

Evidence
    PyTorch's numbers, and the stage.

Fix
    `fix-cuda-oom`, else by hand, by stage: fewer sequences, lower utilization, or eager mode.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.memory.cuda_memory import SIGNATURE, device_memory, is_bare, ran_out, stage_of
from vops.diagnosis.memory.engine_terms import other_engine
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_LEAST_UTILIZATION = 0.5
_STEP = 0.05
_UNTOLD = (
    "If it ran out before the weights were loaded (see the log above): raise --tensor-parallel-size, or load a "
    "quantized model.",
)


@rule(
    cause="cuda-oom-runtime",
    branch=Branch.DIED,
    needs={Source.LOGS},
    order=32,
    even_when_ready=True,
    signature=SIGNATURE,
)
def cuda_oom_runtime(replica: Replica) -> Verdict | None:
    hit, log = ran_out(replica), replica.death_log
    if hit is None or log is None:
        return None
    stage = stage_of(hit[0], log)
    memory = device_memory(hit[0].message)
    if stage.rank <= Stage.WEIGHTS.rank or (memory is not None and memory.taken_by_others):
        return None
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} runs out of GPU memory during {stage}",
        _fix(replica, _steps(replica, stage, hit) + (_UNTOLD if is_bare(hit[0], log) else ())),
    )


def _fix(replica: Replica, steps: tuple[str, ...]) -> Fix:
    """The first of the ways as a runbook, where the engine is vLLM."""
    if (engine := other_engine(replica)) is not None:
        return deaths.steps(replica, "Leave more GPU memory free", *engine.serving)
    utilization = "--gpu-memory-utilization" in steps[0]
    change = (
        {"gpu_memory_utilization": _smaller_budget(replica)} if utilization else {"max_num_seqs": _half(replica) or 128}
    )
    return remedies.runbook(
        replica,
        "fix-cuda-oom",
        "Leave more GPU memory free",
        Applicability.SAFE,
        {"container": replica.container.name, **change},
        by_hand=steps,
        notes=steps[1:],
    )


def _smaller_budget(replica: Replica) -> float:
    return round(max((replica.args.gpu_memory_utilization or 0.9) - _STEP, _LEAST_UTILIZATION), 2)


def _half(replica: Replica) -> int:
    """Half of the sequences that it batches; 0 where it leaves their number to vLLM."""
    now = replica.args.max_num_seqs
    return max(now // 2, 1) if now else 0


def _steps(replica: Replica, stage: Stage, hit: deaths.Hit) -> tuple[str, ...]:
    """Fewer sequences where their number makes the buffers, else a smaller budget."""
    sequences, utilization = _fewer_sequences(replica), _less_utilization(replica)
    if "warming up sampler" in hit[0].message:
        return (f"{sequences} (the sampler's buffers grow with it);", f"or {_lower(utilization)}.")
    match stage:
        case Stage.CAPTURE:
            return (f"{utilization};", f"or {_lower(sequences)}, or try --enforce-eager, which captures no graphs.")
        case Stage.PROFILE:
            return (
                f"{sequences}, or --max-num-batched-tokens: the trial run takes the largest batch;",
                "for a multimodal model, lower --limit-mm-per-prompt.",
            )
        case _:
            return (f"{utilization}, so that bursts have room;", f"or {_lower(sequences)}.")


def _less_utilization(replica: Replica) -> str:
    now = replica.args.gpu_memory_utilization or 0.9
    return f"Lower --gpu-memory-utilization from {now:g} to {_smaller_budget(replica):.2f}"


def _fewer_sequences(replica: Replica) -> str:
    now = replica.args.max_num_seqs
    return f"Lower --max-num-seqs from {now} to {_half(replica)}" if now else "Set --max-num-seqs to 128 or fewer"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
