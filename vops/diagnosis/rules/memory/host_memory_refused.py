"""An allocation of host memory failed, or Ray's memory monitor ended a worker.

What it finds
    Ray's word that a task was killed because the node runs low on memory, or an allocation that the kernel refused.

Why it matters
    Both come before the kernel kills anything, so that Kubernetes never says OOMKilled.

Evidence
    The error.

Fix
    By hand: more host memory for the Ray containers; their limit counts, not the node's size.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_MONITOR = lazy_pattern(
    r"ray\.exceptions\.OutOfMemoryError|Task was killed due to the node running low on memory"
    r"|killed by the (?:Ray )?memory monitor|(?<!\w)MemoryError: (?!CUDA)"
    r"|(?<!with error )Cannot allocate memory|os error 12\b"
    r"|\[Errno 12\]"
    r"|DefaultCPUAllocator: (?:can't|not enough)|std::bad_alloc|Unable to allocate [\d.]{1,12} [KMGT]iB for an array"
)


_OF_TORCH = "bytes from file </torch_"
"""A file in /dev/shm: that volume is too small, whatever the memory limit."""


@rule(cause="host-oom", branch=Branch.DIED, needs={Source.LOGS}, order=19, even_when_ready=True, signature=_MONITOR)
def host_memory_refused(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _MONITOR)
    if hit is None or _OF_TORCH in hit[0].text:
        return None
    limit = replica.container.resources.limits.get("memory", "")
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} ran out of host memory: {deaths.quoted(hit, 100)}",
        deaths.steps(
            replica,
            "Give the container more host memory",
            "Raise resources.limits.memory (and requests), up to what the node has free.",
        ),
        evidence.container_field(replica, "resources.limits.memory", limit or "none"),
    )
