"""The container, or one of vLLM's processes, used more host memory than it may and was killed.

What it finds
    The runtime's `OOMKilled`, or a vLLM child process that ended with signal 9 (exit code -9).

Why it matters
    It is the memory of the host, not of the GPU: --gpu-memory-utilization has no part in it. A memory-backed volume
    (/dev/shm) counts against the container's limit.

Evidence
    The exit status, the limit, memory-backed volumes, and the stage: loading is a peak, serving is growth.

Fix
    By hand: a higher memory limit; where the size of the weights is known, one is computed.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.demands import amounts
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.quantities import format_bytes

_GIB = 2**30
_SPARE = 1.25
_READ_BUFFER = 10 * _GIB
_KILLED = -9


@rule(cause="host-oom", branch=Branch.DIED, explains={"engine-dead"}, order=5, even_when_ready=True)
def host_oom(replica: Replica) -> Verdict | None:
    death, log = replica.last_death, replica.death_log
    by_runtime = death is not None and death.reason == "OOMKilled"
    by_signal = log is not None and log.child_exit_code == _KILLED
    if not by_runtime and not by_signal:
        return None
    limit = replica.container.resources.limits.get("memory", "")
    stage = f" during {log.stage}" if log is not None else ""
    found = list(evidence.exit_status(replica))
    if by_signal and log is not None and log.engine_died_line:
        found.append(evidence.death_line(replica, log.engine_died_line, "a process of vLLM ended: exit code -9"))
    found.append(
        evidence.container_field(replica, "resources.limits.memory", limit or "none", expected=_wanted(replica))
    )
    found += _tmpfs(replica)
    return Verdict(
        summary=f"{replica.name} was killed for using more host memory than {limit or 'the node has'}{stage}",
        evidence=tuple(found),
        confidence=Confidence.CERTAIN if by_runtime else Confidence.STRONG,
        fixes=(
            remedies.by_steps(
                replica,
                "Give the container more host memory",
                (
                    f"Raise resources.limits.memory (and requests){_to(replica)}, up to what the node has free.",
                    "Memory-backed volumes count against it, as do --swap-space and --cpu-offload-gb.",
                ),
            ),
        ),
    )


def _wanted_bytes(replica: Replica) -> float | None:
    """The weights with a read buffer and memory-backed volumes, and a quarter to spare; None when sizes are unknown."""
    log = replica.death_log
    if log is None or log.weights_gib is None:
        return None
    return _SPARE * (log.weights_gib * _GIB + _READ_BUFFER + sum(_tmpfs_sizes(replica).values()))


def _wanted(replica: Replica) -> str:
    wanted = _wanted_bytes(replica)
    return f"about {format_bytes(wanted)}" if wanted is not None else ""


def _to(replica: Replica) -> str:
    wanted = _wanted(replica)
    return f" to {wanted}" if wanted else ""


def _tmpfs_sizes(replica: Replica) -> dict[str, float]:
    """The size limit of each memory-backed volume that the container mounts, in bytes; 0 without a limit."""
    mounted = {mount.name for mount in replica.container.volume_mounts}
    found = {}
    for volume in replica.pod.spec.volumes:
        if volume.name in mounted and (volume.empty_dir or {}).get("medium") == "Memory":
            limit = str((volume.empty_dir or {}).get("sizeLimit") or "0")
            found[volume.name] = float(amounts({"size": limit}).get("size", 0))
    return found


def _tmpfs(replica: Replica) -> list[Evidence]:
    return [
        evidence.pod_field(
            f"spec.volumes[{name}].emptyDir", f"in memory, up to {format_bytes(size) if size else 'no limit'}"
        )
        for name, size in _tmpfs_sizes(replica).items()
    ]
