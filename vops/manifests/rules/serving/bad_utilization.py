"""A share of GPU memory that cannot work, or leaves no room.

What it finds
    `--gpu-memory-utilization` that is no number of (0, 1], or above 0.95.

Why it matters
    vLLM refuses a value outside (0, 1]. Above 0.95 nothing is left for what it does not count: CUDA contexts, NCCL
    buffers, and before 0.21 the CUDA graphs; the first burst then ends in CUDA out of memory.

Evidence
    The flag's value.

Fix
    0.90 is a good value; lower it where something else uses the card.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_MOST = 0.95


@rule(Severity.ERROR, servers)
def bad_utilization(server: Server) -> Iterator[Flaw]:
    flag = server.args.location("gpu-memory-utilization")
    if flag is None or flag.value is None or "$" in flag.value:
        return
    value = server.args.gpu_memory_utilization
    if value is None or not 0 < value <= 1:
        summary = f"--gpu-memory-utilization {flag.value} is not a share of (0, 1]: vLLM refuses it"
        yield Flaw(server.object, server.flag_field("gpu-memory-utilization"), summary, "set it to 0.90")
    elif value > _MOST:
        yield Flaw(
            server.object,
            server.flag_field("gpu-memory-utilization"),
            f"--gpu-memory-utilization {flag.value} leaves no room for what vLLM does not count",
            "set it to 0.95 or less; 0.90 is a good value",
            Severity.WARNING,
        )
