"""A vLLM server that asks for no GPU.

What it finds
    A CUDA image of vLLM in a container without any GPU among its resources.

Why it matters
    It is scheduled anywhere and finds no device: `Failed to infer device type`, or, where the runtime shows every GPU
    to every container, it takes memory on a card that was promised to somebody else.

Evidence
    The container's resources; other images (CPU, TPU), resource claims and presets are left alone.

Fix
    `nvidia.com/gpu: 1` in limits.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.objects import dig
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.WARNING, servers)
def no_gpu_request(server: Server) -> Iterator[Flaw]:
    resources = server.container.resources
    elsewhere = any("/" in name for name in {**resources.requests, **resources.limits})
    claimed = bool(dig(server.raw, "resources", "claims"))
    if elsewhere or claimed or not server.pod.is_whole or not server.is_official:
        return
    if "cpu" in (getattr(server.args.location("device"), "value", "") or ""):
        return
    yield Flaw(
        server.object,
        server.field("resources" if "resources" in server.raw else "name"),
        f"{server.name} asks for no GPU: it may land on a node without one",
        "set resources.limits to nvidia.com/gpu: 1",
    )
