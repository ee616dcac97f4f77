"""Shared memory alone may fill the memory limit.

What it finds
    A `sizeLimit` at /dev/shm that leaves less than 4 GiB of the container's memory limit.

Why it matters
    Shared memory counts against the limit: before /dev/shm is full the container is killed with OOMKilled (137).

Evidence
    The volume's size limit, and the memory limit.

Fix
    A smaller /dev/shm, or a larger limit.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.amounts import amount_bytes
from vops.manifests.facts import servers
from vops.manifests.objects import dig
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_LEAST_LEFT = 4 * 2**30


@rule(Severity.WARNING, servers)
def shm_fills_limit(server: Server) -> Iterator[Flaw]:
    mounted = server.shm
    limit = amount_bytes(server.container.resources.limits.get("memory"))
    if mounted is None or limit is None:
        return
    _, volume, at = mounted
    shm = amount_bytes(dig(volume, "emptyDir", "sizeLimit"))
    if dig(volume, "emptyDir", "medium") == "Memory" and shm is not None and limit - shm < _LEAST_LEFT:
        yield Flaw(
            server.object,
            server.pod.field("volumes", at),
            f"shared memory may take {dig(volume, 'emptyDir', 'sizeLimit')} of the memory limit of "
            f"{server.container.resources.limits['memory']}",
            "lower sizeLimit, or raise resources.limits.memory by it",
        )
