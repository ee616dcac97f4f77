"""The container, or one of vLLM's processes, used more host memory than it may and was killed.

What it finds
    The runtime's `OOMKilled`; a vLLM process that ended with signal 9 (exit code -9); or exit code 137 with neither a
    probe, an eviction nor a deletion to account for it, since the runtime may miss what the kernel did.

Why it matters
    It is the memory of the host, not of the GPU: --gpu-memory-utilization has no part in it. A memory-backed volume
    (/dev/shm) counts against the container's limit.

Evidence
    The exit status, the limit, memory-backed volumes, the node's events, and the stage: loading is a peak, serving is
    growth.

Fix
    `fix-host-oom`, else by hand: a memory limit a quarter above what was too little and what the weights need, if the
    node has it.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.memory import host_memory
from vops.diagnosis.memory.host_memory import KilledBy, OutOfMemory
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(
    cause="host-oom",
    branch=Branch.DIED,
    explains={"engine-dead", "nccl-failure", "engine-start-timeout"},
    order=5,
    even_when_ready=True,
)
def host_oom(replica: Replica) -> Verdict | None:
    found = host_memory.out_of_memory(replica)
    if found is None or (found.node_was_out and not replica.observed):  # the node's words alone are node-oom's
        return None
    limit = replica.container.resources.limits.get("memory", "")
    log, wanted = replica.death_log, host_memory.wanted_bytes(replica)
    stage = f" during {log.stage}" if log is not None and log.lines else ""
    most = f"its limit of {limit}" if limit else "the node had" if host_memory.limit_known(replica) else "it may"
    how = "was probably killed" if found.by is KilledBy.SILENCE else "was killed"
    return Verdict(
        summary=f"{replica.name} {how} for using more host memory than {most}{stage}",
        evidence=(
            *evidence.exit_status(replica),
            *_words(replica, found),
            *_limit(replica, limit, wanted),
            *host_memory.volume_evidence(replica),
        ),
        confidence=found.confidence,
        fixes=(host_memory.raise_limit(replica, wanted, _why(replica)),),
    )


def _limit(replica: Replica, limit: str, wanted: float) -> tuple[Evidence, ...]:
    if not host_memory.limit_known(replica):
        return ()
    expected = f"about {host_memory.in_gi(wanted)}"
    return (evidence.container_field(replica, "resources.limits.memory", limit or "none", expected=expected),)


def _words(replica: Replica, found: OutOfMemory) -> tuple[Evidence, ...]:
    """What the log and the node say of the kill."""
    log = replica.death_log
    said = tuple(evidence.event(item) for item in found.node_events[-2:])
    if found.by is KilledBy.CHILD and log is not None and log.engine_died_line:
        return (evidence.death_line(replica, log.engine_died_line, _told(replica, log.engine_died_line)), *said)
    return said


def _told(replica: Replica, number: int) -> str:
    """The line of the log that tells that a process was killed; what it says, where it is not at hand."""
    found = replica.log_source(previous=replica.death_log_is_previous)
    lines = found.text.splitlines() if found is not None else []
    return lines[number - 1].strip() if number <= len(lines) else "a process of vLLM ended: exit code -9"


def _why(replica: Replica) -> str:
    """What takes the memory at the stage where it ended."""
    log = replica.death_log
    if log is not None and log.ready:
        return "It grew while it served: look at --swap-space and at caches that are kept in host memory."
    if log is not None and log.stage in (Stage.DOWNLOAD, Stage.WEIGHTS):
        return "Reading the weights is a peak: load safetensors lazily (the default), and not from a volume in memory."
    return "Volumes in memory count against the limit, as do --swap-space and --cpu-offload-gb."
