"""A memory limit that loading the model goes through.

What it finds
    A memory limit below 4 GiB for each GPU plus what the flags put into host memory (`--cpu-offload-gb`, and
    `--swap-space` where a version has it).

Why it matters
    Each worker process holds PyTorch, the CUDA context and a shard in flight. The kernel kills the container while it
    loads: OOMKilled (137), again and again. `--gpu-memory-utilization` has no part in it.

Evidence
    The limit, the GPUs and the flags.

Fix
    The largest shard and 8 GiB, and 4 GiB for each further GPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.amounts import amount_bytes
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.model.quantities import format_bytes

_PER_GPU = 4 * 2**30


@rule(Severity.ERROR, servers)
def low_memory_limit(server: Server) -> Iterator[Flaw]:
    limit = amount_bytes(server.container.resources.limits.get("memory"))
    if limit is None or server.args.line is None or not server.gpus:
        return
    needed = server.gpus * _PER_GPU + _offloaded(server)
    if limit < needed:
        yield Flaw(
            server.object,
            server.field("resources", "limits", "memory"),
            f"a memory limit of {server.container.resources.limits['memory']} is less than the "
            f"{format_bytes(needed)} that the load takes: OOMKilled",
            f"set it to {format_bytes(needed + 2 * _PER_GPU)} or more",
        )


def _offloaded(server: Server) -> int:
    """Bytes of host memory that flags ask for, per pod."""
    flag = server.args.location("cpu-offload-gb")
    try:
        return int(float(flag.value or 0) * 2**30) * (server.gpus or 1) if flag is not None else 0
    except ValueError:
        return 0
