"""A server that asks for no memory.

What it finds
    A server without a memory request or limit.

Why it matters
    The scheduler puts it on a node that has none to spare. Loading a model takes several GiB of host memory; when the
    node runs out, the pod without a request is the first to be evicted or killed.

Evidence
    The container's resources.

Fix
    Request the largest shard and 8 GiB, and 4 GiB for each further GPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.INFO, servers)
def no_memory_request(server: Server) -> Iterator[Flaw]:
    resources = server.container.resources
    if "memory" in resources.requests or "memory" in resources.limits or not server.pod.is_whole:
        return
    if "modelFormat" in server.raw:
        return  # the runtime has it
    yield Flaw(
        server.object,
        server.field("resources" if "resources" in server.raw else "name"),
        f"{server.name} asks for no memory: it goes to nodes that have none, and is the first to be evicted",
        "request the largest shard and 8 GiB, and 4 GiB for each further GPU",
    )
