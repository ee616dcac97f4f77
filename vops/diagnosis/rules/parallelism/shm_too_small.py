"""The container's shared memory (/dev/shm) is too small for processes that work together.

What it finds
    NCCL's failure to create or extend a segment under /dev/shm, a bus error, or Python's or PyTorch's shared memory
    that finds no space. Without a volume there, a container has 64 MiB.

Why it matters
    A bus error kills without a traceback (exit code 135), and NCCL's error says only `unhandled system error`.

Evidence
    The error, NCCL's warning, and what is mounted at /dev/shm.

Fix
    `fix-shm`, else by hand: a memory-backed emptyDir at /dev/shm of 2 GiB for each GPU, and the memory limit raised
    by as much, since what is written there counts against it.
"""

from __future__ import annotations

from typing import Any

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.memory import host_memory
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.parallelism.nccl import FAILED, SHARED_MEMORY
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_PATH = "/dev/shm"  # noqa: S108 - the shared memory of the container, not a file of vops
_DIRECT = lazy_pattern(
    r"^Signal: .{0,120}(?:Bus error|SIGBUS|signal 7)|^Abort: Fatal Python error: Bus error|killed by signal: Bus error"
    r"|[Ii]nsufficient (?:shared memory|space in /dev/shm)|out of shared memory|unable to (?:open|mmap|resize|write to"
    r"|allocate) shared memory|Engine: .{1,400} use '--shm-size' flag"
    r"|No space left on device.{0,200}(?:/dev/shm|psm_|shared_memory|shm_)|(?:/dev/shm|psm_).{0,200}No space left"
    r"|ray\.exceptions\.ObjectStoreFullError|object store size .{0,40} exceeds /dev/shm"
    r"|request exceeds memory available in /dev/shm"
    r"|(?:unable to write to|bytes from) file </torch_|failed to extend /dev/shm|shared memory segment /dev/shm"
    r"|No space left on device.{0,400} @ .{0,60}multiprocessing/(?:shared_memory|heap|synchronize)"
)
_FULL = lazy_pattern(r"No space left on device|\[Errno 28\]|ENOSPC")
_SIGNATURE = lazy_pattern(f"{_DIRECT.pattern}|{_FULL.pattern}|{FAILED.pattern}")
_GIB_PER_GPU = 2
_BUS_EXIT, _BUS_CHILD = 135, -7


@rule(
    cause="shm-too-small", branch=Branch.DIED, needs={Source.LOGS}, order=22, even_when_ready=True, signature=_SIGNATURE
)
def shm_too_small(replica: Replica) -> Verdict | None:
    said = deaths.notice(replica, SHARED_MEMORY)
    hit = deaths.error(replica, _DIRECT) or _by_warning(replica, said) or _by_frames(replica)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"The shared memory of {replica.name} ({_PATH}) is too small: {_mounted(replica)}",
        _fix(replica),
        _mount(replica),
        *((evidence.death_line(replica, said[0].line, said[0].message),) if said is not None else ()),
    )


@rule(cause="shm-too-small", branch=Branch.DIED, order=65, even_when_ready=True)
def shm_bus_error(replica: Replica) -> Verdict | None:
    log, death = replica.death_log, replica.last_death
    child = log.child_exit_code if log is not None else None
    code = death.exit_code if death is not None and replica.observed else 0
    if (code != _BUS_EXIT and child != _BUS_CHILD) or (log is not None and log.root is not None):
        return None
    return Verdict(
        summary=f"{replica.name} ended with a bus error, as happens when {_PATH} is full: {_mounted(replica)}",
        evidence=(*evidence.exit_status(replica), _mount(replica)),
        confidence=Confidence.PROBABLE,
        fixes=(_fix(replica),),
    )


def _size_gib(replica: Replica) -> int:
    return max(1, _GIB_PER_GPU * max(replica.gpu_count, replica.args.tensor_parallel_size or 1))


def _fix(replica: Replica) -> Fix:
    size, limit = _size_gib(replica), host_memory.limit_bytes(replica)
    volume = host_memory.memory_volumes(replica).get(_PATH)
    more = size * host_memory.GIB - (host_memory.size_limit(volume) if volume is not None else 0)
    params: dict[str, Any] = {"container": replica.container.name, "size": f"{size}Gi"}
    params |= {"memory": host_memory.in_gi(limit + more)} if limit and more > 0 else {}
    params |= {"volume": volume.name} if volume is not None else {}
    return remedies.runbook(
        replica,
        "fix-shm",
        f"Give it {size} GiB of shared memory",
        Applicability.SAFE,
        params,
        by_hand=(
            f"Add a volume emptyDir: {{medium: Memory, sizeLimit: {size}Gi}}, mounted at {_PATH};",
            f"and raise resources.limits.memory by {size}Gi: what is written there counts against it.",
        ),
    )


def _mount(replica: Replica) -> Evidence:
    expected = f"{_size_gib(replica)}Gi in memory"
    return evidence.container_field(replica, f"volumeMounts[{_PATH}]", _mounted(replica), expected=expected)


def _by_warning(replica: Replica, said: deaths.Hit | None) -> deaths.Hit | None:
    return deaths.error(replica, FAILED) if said is not None else None


def _by_frames(replica: Replica) -> deaths.Hit | None:
    """No space left, met by Python's shared memory."""
    hit = deaths.error(replica, _FULL)
    inside = hit is not None and any(
        "shared_memory" in frame or "shm_broadcast" in frame for frame in hit[0].frames[-6:]
    )
    return hit if inside else None


def _mounted(replica: Replica) -> str:
    if not replica.observed:
        return "64 MiB unless a volume is mounted there"
    name = next((mount.name for mount in replica.container.volume_mounts if mount.mount_path == _PATH), None)
    volume = next((item for item in replica.pod.spec.volumes if item.name == name), None) if name else None
    if volume is None:
        return "nothing is mounted there, so it has 64 MiB"
    limit = (volume.empty_dir or {}).get("sizeLimit")
    return f"volume {name}" + (f" of {limit}" if limit else "")
