"""CUDA runs out of memory after the weights were loaded: in profiling, graph capture or under load.

What it finds
    PyTorch's out-of-memory error at a stage after weight loading, with no other process holding a share that matters.

Why it matters
    The stage decides the cure: what vLLM did not budget for differs between graph capture and serving.

Evidence
    PyTorch's numbers, and the stage.

Fix
    By hand, by stage: fewer sequences, lower utilization, or eager mode.
"""

from __future__ import annotations

from vops.diagnosis import deaths, remedies
from vops.diagnosis.cuda_memory import OUT_OF_MEMORY, device_memory
from vops.diagnosis.facts import Replica
from vops.diagnosis.logs import Stage
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_SAMPLER = "--max-num-seqs to half (the sampler's buffers grow with it)"
_STEPS = {
    Stage.CAPTURE: "Lower --gpu-memory-utilization by 0.02 to 0.05, or --max-num-seqs, or try --enforce-eager.",
    Stage.SERVING: "Lower --gpu-memory-utilization by 0.05, so that bursts have room.",
}


@rule(cause="cuda-oom-runtime", branch=Branch.DIED, needs={Source.LOGS}, order=26, even_when_ready=True)
def cuda_oom_runtime(replica: Replica) -> Verdict | None:
    hit, log = deaths.error(replica, OUT_OF_MEMORY), replica.death_log
    if hit is None or log is None or log.stage.rank <= Stage.WEIGHTS.rank:
        return None
    memory = device_memory(hit[0].message)
    if memory is not None and memory.taken_by_others:
        return None
    step = _STEPS.get(log.stage, f"Lower {_SAMPLER}, or --gpu-memory-utilization by 0.05.")
    return Verdict(
        summary=f"{replica.name} runs out of GPU memory during {log.stage}",
        evidence=deaths.shown(replica, hit),
        confidence=deaths.confidence(replica),
        fixes=(remedies.by_steps(replica, "Leave more GPU memory free", (step,)),),
    )
