"""The stages of a start, in the order in which vLLM goes through them, and the lines that mark each."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from vops.model.patterns import lazy_pattern


class Stage(StrEnum):
    """Where a start has got to, in the order in which vLLM goes through it."""

    BOOT = "boot"
    CONFIG = "configuration"
    ENGINE = "engine start"
    DOWNLOAD = "download"
    WEIGHTS = "weight loading"
    COMPILE = "compilation"
    PROFILE = "memory profiling"
    KV_CACHE = "KV cache allocation"
    CAPTURE = "CUDA graph capture"
    SERVER = "server start"
    SERVING = "serving"

    @property
    def rank(self) -> int:
        return _ORDER[self]


_ORDER = {stage: rank for rank, stage in enumerate(Stage)}


class PhaseReading(msgspec.Struct, frozen=True, omit_defaults=True):
    """One phase of a start.

    `start_s` counts from the first stamped line of the log; `duration_s` is None while the phase runs and where the
    log has no clock; `progress` is 0..1 where the log tells; `line` is 1-based.
    """

    stage: Stage
    line: int
    start_s: float = 0.0
    duration_s: float | None = None
    progress: float | None = None


class Refused(msgspec.Struct, frozen=True):
    """GET requests of one path that the server answered with an error; `line` is the first of them."""

    path: str
    status: int
    times: int
    line: int


MARKS = lazy_pattern(
    r"(?P<CONFIG>non-default args: |args: Namespace\(|Resolved architecture: |Using max model len "
    r"|This model supports multiple tasks)"
    r"|(?P<ENGINE>Initializing an? V?\d? ?LLM engine |world_size=\d|Waiting for \d+ local, \d+ remote core engine"
    r"|Started engine process with PID|vLLM is using nccl==)"
    r"|(?P<WEIGHTS>Starting to load model |Loading model from scratch|Loading \w+ (?:\w+ )?checkpoint shards:"
    r"|Loading weights took |Loading safetensors using Runai)"
    r"|(?P<DOWNLOAD>Time spent downloading weights for |Fetching \d+ files:"
    r"|\S{1,200}\.(?:safetensors|bin|gguf|pt):? +\d+%)"
    r"|(?P<COMPILE>Using cache directory: .{0,400} for vLLM's torch\.compile|Dynamo bytecode transform time"
    r"|Directly load the compiled graph|Compiling a graph for )"
    r"|(?P<PROFILE>Model loading took |Loading model weights took |torch\.compile took |torch\.compile takes "
    r"|Initial profiling/warmup run took |Memory profiling (?:takes|results))"
    r"|(?P<KV_CACHE>Available KV cache memory: |[GCX]PU KV cache size: |# \w+ blocks: )"
    r"|(?P<CAPTURE>Capturing CUDA graph|Capturing the model for CUDA graphs|Graph capturing finished in )"
    r"|(?P<SERVER>init engine \(profile, create kv cache, warmup model\) took |Starting vLLM (?:API )?server "
    r"|Available routes are:)"
    r"|(?P<SERVING>INFO: +Application startup complete|Application startup complete"
    r"|(?:Engine \d{1,4}: )?Avg prompt throughput: |\s{0,4}Sequence group \S{1,200} is preempted by "
    r"|INFO: +\S{1,80} - \"[A-Z]{3,7} /\S{0,400} HTTP/[\d.]{1,4}\" 200)",
    re.ASCII,
)
"""The group that matches is the stage's name."""
