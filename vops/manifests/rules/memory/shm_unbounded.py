"""A /dev/shm without a size.

What it finds
    An `emptyDir` with `medium: Memory` and without `sizeLimit`, mounted by a server.

Why it matters
    What is written there counts as the container's memory. Without a bound it takes from what the memory limit was
    made for, and the container is killed with OOMKilled (137), which no setting of vLLM explains.

Evidence
    The volume.

Fix
    A `sizeLimit`, and a memory limit that includes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.objects import dig
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.WARNING, servers)
def shm_unbounded(server: Server) -> Iterator[Flaw]:
    mounted = server.shm
    if mounted is None:
        return
    _, volume, at = mounted
    if dig(volume, "emptyDir", "medium") == "Memory" and dig(volume, "emptyDir", "sizeLimit") is None:
        yield Flaw(
            server.object,
            server.pod.field("volumes", at),
            "the volume at /dev/shm has no sizeLimit: what is written there counts as the container's memory",
            "set emptyDir.sizeLimit, and count it in resources.limits.memory",
        )
