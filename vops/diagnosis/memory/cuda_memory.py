"""Shared by the rules about CUDA memory: reading PyTorch's out-of-memory message."""

from __future__ import annotations

import re

import msgspec

from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.model.patterns import lazy_pattern

OUT_OF_MEMORY = lazy_pattern(
    r"(?:CUDA|HIP|XPU|NPU) out of memory|torch\.(?:cuda\.)?OutOfMemoryError"
    r"|(?<!exceptions\.)OutOfMemoryError: (?!out of resource)"
    r"|Failed to load model - not enough GPU memory|CUBLAS_STATUS_ALLOC_FAILED|(?:CUDA|HIP) [Ee]rror: out of memory"
    r"|cudaErrorMemoryAllocation|[Cc]uda failure (?:2 )?'out of memory'|CUDA_ERROR_OUT_OF_MEMORY"
    r"|CUDNN_STATUS_ALLOC_FAILED"
    r"|Cuda failure.{0,40}out of memory|NVML_SUCCESS == (?:r INTERNAL ASSERT FAILED|DriverAPI)"
    r"|CUDA driver error: out of memory"
    r"|NvMapMem\w{1,40}: (?:\d{1,20} )?error|Unable to find a valid cuDNN algorithm"
    r"|available in AlignedAllocator|Cuda Runtime \(out of memory\)|hipErrorOutOfMemory"
    r"|Triton Error \[\w{1,6}\]: out of memory"
    r"|\b(?:CUDA|GPU|VRAM) OOM\b|out of (?:CUDA|GPU|VRAM) memory"  # as people say it
    # XLA's for TPUs, SYCL's and Level Zero's for Intel's GPUs, Synapse's for Gaudi, the Neuron runtime's
    r"|RESOURCE_EXHAUSTED: (?:XLA|TPU|Error (?:loading|allocating)|Out of memory|Attempting|Failed to allocate|Allocat)"
    r"|Ran out of memory in memory space|(?:UR|ZE|PI)_(?:RESULT_)?ERROR_OUT_OF_(?:RESOURCES|\w{0,10}MEMORY)"
    r"|PT_DEVMEM\b.{0,40}Allocation failed|nrt_\w{1,40} status=4\b|NRT_RESOURCE\b|Lack of device memory"
)
SIGNATURE = lazy_pattern(f"{OUT_OF_MEMORY.pattern}|CUDA error: unrecognized error code")
_CAPPED = lazy_pattern(r"Device \d{1,3} OOM \d")
"""What HAMi says before it refuses memory above a pod's share, with an error that CUDA has no words for."""

_LOADING = (
    "load_model",
    "initialize_model",
    "load_weights",
    "create_weights",
    "process_weights_after_loading",
    "_load_w13",
)
_PROFILING = ("profile_run", "determine_available_memory", "determine_num_available_blocks", "profile_cudagraph_memory")
_CAPTURING = (
    "capture_model",
    "_capture_cudagraphs",
    "capture",
    "capture_begin",
    "capture_end",
    "compile_or_warm_up_model",
    "_warm_up_model",
)
_CACHING = ("initialize_kv_cache", "_allocate_kv_cache", "_allocate_kv_cache_tensors", "initialize_cache")
_RUNNING = ("forward", "_call_impl", "_wrapped_call_impl", "_dummy_run", "execute_model")
_SERVING = ("run_busy_loop", "step_with_batch_queue", "step_fn", "_process_engine_step", "engine_step")
_TOTAL = lazy_pattern(r"total capacity of ([\d.]{1,12}) ([KMG])iB of which ([\d.]{1,12}) ([KMG])iB is free", re.ASCII)
_MINE = lazy_pattern(r"[Tt]his process has ([\d.]{1,12}) ([KMG])iB memory in use", re.ASCII)
_NAMED = lazy_pattern(r"Process \d{1,10} has ([\d.]{1,12}) ([KMG])iB memory in use", re.ASCII)
_ALLOCATED = lazy_pattern(
    r"allocated memory ([\d.]{1,12}) ([KMG])iB is allocated by PyTorch"
    r"(?:.{0,80}? and ([\d.]{1,12}) ([KMG])iB is reserved by PyTorch but unallocated)?",
    re.ASCII,
)
_TRIED = lazy_pattern(r"Tried to allocate (?:[1-9]\d{0,3}(?:\.\d+)?) GiB|allocated in private pools", re.ASCII)
"""What no tensor of a model takes: buffers for requests, or graphs."""

_AT_WORK = lazy_pattern(
    r"\b(?:inferenc|requests?\b|concurren|benchmark|under load|long (?:prompt|context))", re.IGNORECASE
)
"""How people say that a server ran out of memory at work."""

_OF_A_RUN = lazy_pattern(
    r"Triton Error|AlignedAllocator|valid cuDNN|OUT_OF_RESOURCES|Lack of device memory|XLA:|loading program"
    r"|in memory space"
)
"""How compilers of kernels and those who run them say it, and not who keeps tensors."""

_GIB = {"K": 2**-20, "M": 2**-10, "G": 1.0}
_FOREIGN_SHARE = 0.08
_GAPS_GIB = 0.1
"""More than loading weights leaves reserved but unallocated: it takes and keeps."""

_CONTEXT_GIB = 1.0
"""About what CUDA's own context, its modules and NCCL take beside what PyTorch allocates."""


class DeviceMemory(msgspec.Struct, frozen=True):
    """What PyTorch said about the GPU when an allocation failed, in GiB."""

    total_gib: float
    free_gib: float
    foreign_gib: float = 0.0

    @property
    def taken_by_others(self) -> bool:
        """Whether other processes hold a share that matters."""
        return self.foreign_gib > _FOREIGN_SHARE * self.total_gib


def ran_out(replica: Replica) -> deaths.Hit | None:
    """The failure for want of GPU memory that the log of the dead instance tells of."""
    return deaths.error(replica, SIGNATURE if deaths.notice(replica, _CAPPED) else OUT_OF_MEMORY)


def stage_of(error: LoggedError, log: LogReading) -> Stage:
    """Where memory ran out: by the calls in the traceback, else by what the log had reached."""
    if log.ready and error.line > (log.ready_line or 0):
        return Stage.SERVING
    if "cumem_allocator" in error.message:  # what wakes up again after its sleep
        return Stage.SERVING
    if "Error in model execution" in error.message:  # what it then tried, to see how much it takes, or for requests
        return Stage.PROFILE
    if "when warming up" in error.message or "cuda graph failed" in error.message.lower():
        return Stage.CAPTURE
    for stage, functions in (
        (Stage.KV_CACHE, _CACHING),
        (Stage.CAPTURE, _CAPTURING),
        (Stage.PROFILE, _PROFILING),
        (Stage.WEIGHTS, _LOADING),
        (Stage.SERVING, _SERVING),
        (Stage.PROFILE, _RUNNING),
    ):
        if error.passed(*functions):
            return stage
    if _OF_A_RUN.search(error.message):
        return Stage.PROFILE
    return Stage.SERVING if is_bare(error, log) and _of_requests(error.message) else log.stage


def is_bare(error: LoggedError, log: LogReading) -> bool:
    """Whether nothing but the message tells of the stage."""
    return not log.ready and not log.phases[1:] and not error.frames


def _of_requests(message: str) -> bool:
    """Whether a message without surroundings is of buffers: large ones, or that come and go and leave gaps."""
    allocated = _ALLOCATED.search(message)
    gaps = _gib(allocated[3], allocated[4]) if allocated is not None and allocated[3] else 0.0
    return _TRIED.search(message) is not None or gaps > _GAPS_GIB or _AT_WORK.search(message) is not None


def device_memory(message: str) -> DeviceMemory | None:
    """The numbers in an out-of-memory message.

    In a container PyTorch does not know itself among the processes that it names, for the driver numbers them as the
    host does: what it has allocated then tells how much of the memory is its own.
    """
    total = _TOTAL.search(message)
    if total is None:
        return None
    size, free = _gib(total[1], total[2]), _gib(total[3], total[4])
    own = _own_gib(message)
    if own is not None:
        return DeviceMemory(size, free, max(size - free - own, 0.0))
    named = sorted(_gib(match[1], match[2]) for match in _NAMED.finditer(message))
    return DeviceMemory(size, free, sum(named[:-1]))


def _own_gib(message: str) -> float | None:
    mine = _MINE.search(message)
    if mine is not None:
        return _gib(mine[1], mine[2])
    allocated = _ALLOCATED.search(message)
    if allocated is None:
        return None
    reserved = _gib(allocated[3], allocated[4]) if allocated[3] else 0.0
    return _gib(allocated[1], allocated[2]) + reserved + _CONTEXT_GIB


def _gib(number: str, unit: str) -> float:
    try:
        return float(number) * _GIB[unit]
    except ValueError:
        return 0.0
