"""The parallelism that was asked for does not go with the GPUs of the pod, or with the model's heads.

What it finds
    A world size (tensor × pipeline parallel) larger than the GPUs in the container or in the Ray cluster, several ranks
    on one GPU, or heads, layers or quantization blocks that the tensor parallel size does not divide.

Why it matters
    The flag and resources.limits are set in two places, and only together do they make sense.

Evidence
    vLLM's numbers against the container's GPU limit.

Fix
    `fix-gpu-count`, else by hand: ask for as many GPUs as the world size, or use a divisor of the heads.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix, Severity
from vops.diagnosis.memory import model_size
from vops.diagnosis.nodes.gpu_nodes import most_gpus
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.states import waited_s
from vops.model.patterns import lazy_pattern
from vops.model.quantities import format_duration
from vops.model.snapshot import Source

_MISMATCH = lazy_pattern(
    r"[Ww]orld size \((?P<world>\d{1,5})\) is larger than the number of available GPUs \((?P<gpus>\d{1,5})\)"
    r"|attention heads \((?P<heads>\d{1,5})\) must be divisible by tensor parallel size \((?P<tp>\d{1,5})\)"
    r"|local rank \d{1,5} is out of bounds for (?P<devices>[1-9]\d{0,4}) devices"
    r"|local_world_size \((?P<ranks>\d{1,5})\) must be less than or equal to the number of visible devices "
    r"\((?P<visible>\d{1,5})\)"
    r"|(?P<part>\d{1,7}) is not divisible by (?P<by>\d{1,5})"
    r"|Cannot provide a placement group requiring (?P<required>\d{1,5}) GPUs"
    r"|number of required \w{1,10}s exceeds the total number of available \w{1,10}s in the placement group\."
    r"(?: Required number of devices: (?P<needs>\d{1,5})\. Total number of devices: (?P<total>\d{1,5}))?"
    r"|Unable to load Ray which is required for multi-node inference|Ray does not allocate any GPUs"
    r"|Cannot provide a placement group|enough GPUs available|[Ii]nvalid device ordinal|Duplicate GPU detected"
    r"|AssertionError: Invalid device id|device < num_gpus INTERNAL ASSERT FAILED|CUDA_ERROR_INVALID_DEVICE\b"
    r"|not divisible by (?:tensor|pipeline)_model_parallel|heads.{0,40} not divisible by (?:the )?(?:TP|tp|tensor)\b"
    r"|ray\.exceptions\.(?:Actor|Task)UnschedulableError|placement group bundle index \d{1,5} is invalid"
    r"|Insufficient devices for .{0,20}mesh|[Nn]umber of devices \d{1,5} must (?:equal|be >=) the product"
    r"|Total available GPUs [\d.]{1,8} is less than total desired GPUs"
    r"|but only \d{1,4} (?:GPUs? )?(?:are |is )?(?:available|visible)"
    r"|[Oo]nly (?P<there>\d{1,4}) GPUs? (?:are|is) available, but (?P<wanted>\d{1,5}) (?:are|is) required"
    r"|only has \d{1,4} GPUs|must be divisible by tensor|tensor_parallel_size .{0,80}divisible"
    r"|[Cc]onsider reducing tensor_parallel_size|block_n = |weight quantization block_[nk]|min_thread_[nk]"
    r"|Tensor parallel size \(?\d{1,5}\)? (?:is larger|cannot be larger|exceeds)|please set tensor_parallel_size"
    r"|number of (?:layers|hidden layers|experts) .{0,60}(?:divisible|smaller)|Every node should have"
    r"|heads % \(?(?:self\.)?\w{0,30}tp_size|heads % tensor_model_parallel|% (?:self\.)?tp_size == 0"
    r"|GPUs per node is not divisible by the number of tensor parallelism"
    r"|world_size \(\d{1,5}\) is not equal to tensor_model_parallel_size"
    r"|Error (?:setting|computing) [\w ]{1,60}: local range: |bundle cannot have more than 1 "
    r"|No \w{1,10} found in Ray cluster"
    r"|[Aa]ttention sink heads .{1,40} divisible|does not currently support tensor parallelism"
    r"|is not compatible with sharding on \d{1,5} shards|Not enough (?:resources to allocate|total available nodes)"
    r"|less than (?:than )?max local gpu count|No available node types can fulfill resource request",
    re.ASCII,
)
_PLACING = lazy_pattern(r"Waiting for creating a placement group")
_QUANTIZED = lazy_pattern(r"block_[nk]|min_thread_[nk]|reducing tensor_parallel_size")


@rule(cause="tp-mismatch", branch=Branch.DIED, needs={Source.LOGS}, order=29, signature=_MISMATCH)
def tp_mismatch(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _MISMATCH)
    if hit is None:
        return None
    said = _said(replica, hit[1])
    has = replica.gpu_count
    return Verdict(
        summary=said.summary,
        evidence=(*deaths.shown(replica, hit), evidence.container_field(replica, "resources.limits", f"{has} GPUs")),
        confidence=deaths.confidence(replica),
        fixes=(_fix(replica, said),),
    )


class _Said(msgspec.Struct, frozen=True):
    """What vLLM's message comes to: in words, as a step, and as the numbers of GPUs and of tensor parallelism."""

    summary: str
    step: str
    gpus: int = 0
    tp: int | None = None


def _fix(replica: Replica, said: _Said) -> Fix:
    """A smaller model split costs nothing; more GPUs have to be on a node, and cost."""
    title = "Make parallelism and GPUs agree"
    if not said.gpus:
        return remedies.by_steps(replica, title, (said.step,))
    params: dict[str, Any] = {"container": replica.container.name, "gpus": said.gpus}
    params |= {} if said.tp is None else {"tp": said.tp}
    applicability = Applicability.ASK if said.gpus > replica.gpu_count else Applicability.SAFE
    return remedies.runbook(
        replica, "fix-gpu-count", title, applicability, params, by_hand=(said.step,), notes=(said.step,)
    )


def _agreed(replica: Replica, gpus: str, world: str) -> tuple[int, int | None]:
    """Flags for the GPUs that it has where those hold the weights, else as many GPUs as the flags ask for."""
    if not world.isdigit() or not replica.observed:
        return 0, None
    has, pipeline = replica.gpu_count or int(gpus or 0), replica.args.pipeline_parallel_size or 1
    smaller = (has, has // pipeline) if has and has % pipeline == 0 else (0, None)
    if smaller[0] and model_size.fits(replica, has):
        return smaller
    return (int(world), None) if most_gpus(replica.placement) >= int(world) else smaller


@rule(cause="tp-mismatch", branch=Branch.SERVE, needs={Source.LOGS}, order=12)
def gpus_awaited(replica: Replica) -> Verdict | None:
    """A server that waits for GPUs which its Ray cluster does not have."""
    seconds, log = waited_s(replica), replica.log
    hit = log.notice(_PLACING) if log is not None else None
    if not seconds or hit is None:
        return None
    return Verdict(
        summary=f"{replica.name} has waited {format_duration(seconds)} for more GPUs than its Ray cluster has",
        evidence=(evidence.log_line(hit[0].line, hit[0].message),),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(
            remedies.by_steps(
                replica,
                "Bring the GPUs into the Ray cluster",
                (
                    "ray status shows who has joined: every worker's pod must run, with a GPU limit, and reach the "
                    "head on port 6379; VLLM_HOST_IP of each must be its own address.",
                    "Or lower --tensor-parallel-size and --pipeline-parallel-size to the GPUs that there are.",
                ),
            ),
        ),
    )


def _said(replica: Replica, match: re.Match[str]) -> _Said:
    """The summary and the change that go with vLLM's message."""
    if match["heads"]:
        heads, tp = int(match["heads"]), int(match["tp"])
        most = min(tp, heads, replica.gpu_count or tp)
        best = max((size for size in range(1, most + 1) if heads % size == 0), default=1)
        return _Said(
            f"{tp} GPUs cannot share {heads} attention heads evenly",
            f"Set --tensor-parallel-size {best} (a divisor of {heads}) and resources.limits to as many GPUs.",
            best * (replica.args.pipeline_parallel_size or 1),
            best,
        )
    if match["by"] or _QUANTIZED.search(match.string) or any(word in match[0] for word in ("divisible", "sharding")):
        return _indivisible(replica, match)
    asked = next(filter(None, map(match.group, ("world", "ranks", "required", "needs", "wanted"))), None)
    world = asked or _world(replica)
    if "lacement group" in match.string or any(word in match[0] for word in ("Ray", "node types", "enough GPUs")):
        return _Said(
            f"Ray has fewer GPUs than {replica.name} asks for" + (f": it asks for {world}" if world else ""),
            f"Bring {world or 'as many'} GPUs into the Ray cluster (ray status shows them; every worker must have "
            f"joined, "
            "with a GPU limit), or lower --tensor-parallel-size and --pipeline-parallel-size.",
        )
    found = next(filter(None, map(match.group, ("gpus", "devices", "visible", "total", "there"))), None)
    gpus = found or str(replica.gpu_count or "")
    if not gpus or not world:
        return _Said(
            f"The parallelism of {replica.name} asks for more GPUs than its container has",
            "Set resources.limits to tensor × pipeline parallel size, or lower --tensor-parallel-size to the limit.",
        )
    return _Said(
        f"{replica.name} runs on {gpus} GPU(s), and its parallelism asks for {world}",
        f"Set resources.limits to {world} GPUs, or --tensor-parallel-size to {gpus}.",
        *_agreed(replica, gpus, world),
    )


def _indivisible(replica: Replica, match: re.Match[str]) -> _Said:
    size = int(match["by"] or replica.args.tensor_parallel_size or 0)
    part = int(match["part"]) if match["part"] else 0
    fits = max((item for item in range(1, size) if part % item == 0), default=1) if part and size else None
    to = f"to {fits}" if fits is not None else "to a smaller power of two that divides the model's sizes"
    return _Said(
        f"The model cannot be split as {replica.name} asks: {match[0][:120].rstrip(' =')}",
        f"Lower --tensor-parallel-size {to}, and resources.limits with it; use more GPUs by --pipeline-parallel-size.",
        (fits or 0) * (replica.args.pipeline_parallel_size or 1),
        fits,
    )


def _world(replica: Replica) -> str:
    """How many GPUs the flags ask for, by the pod or by the log; empty where neither tells."""
    if replica.observed:
        return str(replica.args.gpus)
    given = replica.death_log.arguments if replica.death_log is not None else {}
    sizes = [given.get(name, "1") for name in ("tensor_parallel_size", "pipeline_parallel_size")]
    world = int(sizes[0]) * int(sizes[1]) if all(size.isdigit() for size in sizes) else 1
    return str(world) if world > 1 else ""
