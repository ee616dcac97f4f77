"""Shared by the rules about CUDA memory: reading PyTorch's out-of-memory message."""

from __future__ import annotations

import re

import msgspec

OUT_OF_MEMORY = re.compile(
    r"CUDA out of memory|torch\.OutOfMemoryError|torch\.cuda\.OutOfMemoryError|OutOfMemoryError: "
    r"|not enough GPU memory|CUBLAS_STATUS_ALLOC_FAILED"
)
_TOTAL = re.compile(r"total capacity of ([\d.]{1,12}) ([KMG])iB of which ([\d.]{1,12}) ([KMG])iB is free", re.ASCII)
_MINE = re.compile(r"this process has ([\d.]{1,12}) ([KMG])iB memory in use", re.ASCII)
_OTHERS = re.compile(r"Process \d{1,10} has ([\d.]{1,12}) ([KMG])iB memory in use", re.ASCII)
_GIB = {"K": 2**-20, "M": 2**-10, "G": 1.0}
_FOREIGN_SHARE = 0.05


class DeviceMemory(msgspec.Struct, frozen=True):
    """What PyTorch said about the GPU when an allocation failed, in GiB."""

    total_gib: float
    free_gib: float
    foreign_gib: float = 0.0

    @property
    def taken_by_others(self) -> bool:
        """Whether other processes hold a share that matters."""
        return self.foreign_gib > _FOREIGN_SHARE * self.total_gib


def device_memory(message: str) -> DeviceMemory | None:
    """The numbers in an out-of-memory message; what neither this process nor nobody holds, others hold."""
    total = _TOTAL.search(message)
    if total is None:
        return None
    size, free = _gib(total[1], total[2]), _gib(total[3], total[4])
    named = sum(_gib(match[1], match[2]) for match in _OTHERS.finditer(message))
    mine = _MINE.search(message)
    rest = size - free - _gib(mine[1], mine[2]) if mine is not None else 0.0
    return DeviceMemory(size, free, max(named, rest, 0.0))


def _gib(number: str, unit: str) -> float:
    try:
        return float(number) * _GIB[unit]
    except ValueError:
        return 0.0
