"""Somebody else holds memory of the GPU when vLLM starts.

What it finds
    vLLM's comparison of free memory with its budget, a change of free memory while it profiles, or an out-of-memory
    error in which other processes hold a share that matters.

Why it matters
    The flag is innocent: the previous pod may still be ending, the GPU may be shared, or a process was left behind.

Evidence
    The sizes that vLLM printed, and the other pods with GPUs on the node.

Fix
    `fix-cuda-oom`, else by hand: end or move the neighbour; lower --gpu-memory-utilization only where sharing is
    intended.
"""

from __future__ import annotations

import math
import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.ending.deaths import Hit
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Evidence, Fix
from vops.diagnosis.logs.cuda_errors import Meaning, words
from vops.diagnosis.memory.cuda_memory import OUT_OF_MEMORY, device_memory
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.demands import gpu_request
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_NOT_FREE = lazy_pattern(
    r"Free memory on device.{0,60}\(([\d.]{1,12})/([\d.]{1,12}) GiB\) on startup is less than",
    re.ASCII,
)
_CHANGED = lazy_pattern(
    r"Error in memory profiling\. (?:Initial (?:free|used) memory|This happens when the GPU memory was not properly)"
    r"|Externally held weights on device"
)
_BUSY = lazy_pattern(
    r"CUDA-capable device\(s\) is/are busy or unavailable|cudaErrorDevicesUnavailable|Device already acquired"
    r"|Could not find a profile that is currently runnable with the detected hardware"
    r"|^ValueError: Free memory on device.{0,60}$"  # as titles and consoles cut it
    r"|memory capacity is unbalanced\. Some GPUs may be occupied"
    r"|TPU initialization failed: .{0,200}busy|TPU is already in use by"
    r"|(?i:out of memory\b.{0,80}\b(?:GPUs?|memory) (?:is|are|was|were) still (?:occupied|held|in use|used|taken)\b)"
    rf"|{words(Meaning.TAKEN)}"
)
_SIGNATURE = lazy_pattern(f"{_NOT_FREE.pattern}|{_CHANGED.pattern}|{_BUSY.pattern}|{OUT_OF_MEMORY.pattern}", re.ASCII)
_NEARLY_ALL = 0.95
_SPARE = 0.02
_WORTH_SHARING = 0.1


@rule(cause="gpu-memory-not-free", branch=Branch.DIED, needs={Source.LOGS}, order=30, signature=_SIGNATURE)
def gpu_memory_not_free(replica: Replica) -> Verdict | None:
    found = _taken(replica)
    if found is None:
        return None
    hit, sizes, share = found
    if share is not None and share + _SPARE >= _NEARLY_ALL:
        return _asks_for_all(replica, hit, sizes, share)
    neighbours = _neighbours(replica)
    step = f"set --gpu-memory-utilization {share:g}" if share is not None else "lower --gpu-memory-utilization"
    return Verdict(
        summary=f"Other processes hold memory of the GPU of {replica.name}{sizes}",
        evidence=(*deaths.shown(replica, hit), *neighbours),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.by_steps(
                replica,
                "Let go of the GPU, or share it on purpose",
                (
                    "Wait for a pod that is still ending, or end the process that holds it (nvidia-smi on the node).",
                    f"Where sharing is intended: {step}.",
                ),
            ),
            *_shared(replica, share),
        ),
    )


def _shared(replica: Replica, share: float | None) -> tuple[Fix, ...]:
    """What to set where the neighbour is meant to stay, and leaves enough to be worth it."""
    target = remedies.workload_of(replica)
    if target is None or share is None or share < _WORTH_SHARING:
        return ()
    params = {**target, "container": replica.container.name, "gpu_memory_utilization": share}
    note = "Only where the GPU is shared on purpose: a neighbour that is ending lets go of its memory by itself."
    return (Fix("Share the GPU on purpose", Applicability.ASK, "fix-cuda-oom", params, (note,)),)


def _asks_for_all(replica: Replica, hit: Hit, sizes: str, share: float) -> Verdict:
    """Nobody holds more than the driver does: the flag asks for more than a GPU ever has free."""
    now = replica.args.gpu_memory_utilization
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} asks for more GPU memory than is ever free{sizes}",
        remedies.runbook(
            replica,
            "fix-cuda-oom",
            "Ask for less",
            Applicability.SAFE,
            {"container": replica.container.name, "gpu_memory_utilization": share},
            by_hand=(
                f"Lower --gpu-memory-utilization{f' from {now:g}' if now else ''} to {share:g}: "
                "CUDA itself and the driver hold the rest.",
            ),
        ),
    )


def _taken(replica: Replica) -> tuple[Hit, str, float | None] | None:
    """The error, the sizes in words, and the utilization that would still fit."""
    if hit := deaths.error(replica, _NOT_FREE):
        free, total = float(hit[1][1]), float(hit[1][2])
        share = math.floor((free / total - _SPARE) * 100) / 100 if total else None
        return hit, f": {free:g} of {total:g} GiB are free", share
    if hit := deaths.error(replica, _BUSY):
        cut = "Free memory on" in hit[0].message
        return hit, "" if cut else ": it is in use, or set to let one process in", None
    if hit := deaths.error(replica, _CHANGED):
        return hit, ", and it changed while vLLM measured", None
    hit = deaths.error(replica, OUT_OF_MEMORY)
    memory = device_memory(hit[0].message) if hit is not None else None
    if hit is None or memory is None or not memory.taken_by_others:
        return None
    return hit, f": {memory.foreign_gib:.1f} of {memory.total_gib:g} GiB", None


def _neighbours(replica: Replica) -> tuple[Evidence, ...]:
    """Other pods on the node that have GPUs."""
    node = replica.node
    if node is None:
        return ()
    here = replica.facts.rooms[node.metadata.name].pods
    others = [pod for pod in here if pod.metadata.uid != replica.pod.metadata.uid and gpu_request(pod)]
    if not others:
        return ()
    return (evidence.node_field(node, "pods", blockers.named(blockers.pod_in_words(pod) for pod in others)),)
