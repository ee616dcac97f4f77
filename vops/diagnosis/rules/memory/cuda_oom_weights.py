"""The model's weights do not fit the GPU's memory.

What it finds
    CUDA runs out of memory before the weights are loaded, with no other process holding a share that matters.

Why it matters
    It is a Python exception and exit code 1, never OOMKilled; the memory limit of the container has no part in it.

Evidence
    PyTorch's numbers, and the stage that the log had reached. Without a stage it is no more than possible.

Fix
    `fix-cuda-oom` on as many GPUs as hold the weights by the model's name, twice as many as now at least. By hand where
    no node has them: a quantized model, or a larger GPU.
"""

from __future__ import annotations

import msgspec

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.memory.cuda_memory import SIGNATURE, device_memory, is_bare, ran_out, stage_of
from vops.diagnosis.memory.engine_terms import other_engine
from vops.diagnosis.memory.model_size import enough_gpus
from vops.diagnosis.nodes.gpu_nodes import most_gpus
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(cause="cuda-oom-weights", branch=Branch.DIED, needs={Source.LOGS}, order=31, signature=SIGNATURE)
def cuda_oom_weights(replica: Replica) -> Verdict | None:
    hit, log = ran_out(replica), replica.death_log
    if hit is None or log is None or stage_of(hit[0], log).rank > Stage.WEIGHTS.rank:
        return None
    memory = device_memory(hit[0].message)
    if memory is not None and memory.taken_by_others:
        return None
    size = f"{memory.total_gib:g} GiB of GPU memory" if memory is not None else "the GPU's memory"
    sure = not is_bare(hit[0], log)
    found = deaths.verdict(
        replica,
        hit,
        f"The weights of {deaths.model_of(replica)} do not fit into {size}",
        _fix(replica, memory.total_gib if memory is not None else None, sure=sure),
    )
    return found if sure else msgspec.structs.replace(found, confidence=Confidence.POSSIBLE)


def _fix(replica: Replica, each_gib: float | None, *, sure: bool) -> Fix:
    """As many GPUs as hold the weights, twice as many as now at least; by hand where no node has them."""
    if (engine := other_engine(replica)) is not None:
        return deaths.steps(replica, "Spread or shrink the weights", *engine.weights)
    more = enough_gpus(replica, max(2, 2 * (replica.args.tensor_parallel_size or 1)), each_gib)
    title, gpus = "Spread or shrink the weights", more * (replica.args.pipeline_parallel_size or 1)
    steps = _steps(replica, more, sure=sure)
    if replica.placement.meant and most_gpus(replica.placement) < gpus:
        return deaths.steps(replica, title, *steps)
    return remedies.runbook(
        replica,
        "fix-cuda-oom",
        f"Spread the weights over {more} GPUs",
        Applicability.ASK,
        {"container": replica.container.name, "gpus": gpus, "tp": more},
        by_hand=steps,
        notes=steps[1:],
    )


def _steps(replica: Replica, more: int, *, sure: bool) -> tuple[str, ...]:
    now = replica.args.tensor_parallel_size or 1
    return (
        f"Set --tensor-parallel-size {more} (now {now}) and the GPU limit to {more}, where {more} divides the heads;",
        "or load a quantized model (AWQ, FP8), or use a GPU with more memory.",
        "--gpu-memory-utilization and --max-model-len do not help: they act on what is left after the weights."
        if sure
        else "If it had loaded them (see the log above): lower --gpu-memory-utilization or --max-num-seqs instead.",
    )
