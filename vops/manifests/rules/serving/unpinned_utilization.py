"""The share of GPU memory is left to vLLM's default.

What it finds
    A server without `--gpu-memory-utilization`.

Why it matters
    The default went from 0.90 to 0.92 between versions: with the next image the KV cache has another size and the
    card less headroom, without a change in the manifest.

Evidence
    The absence of the flag.

Fix
    Pin it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_FIXED_BY = ("gpu-memory-utilization", "kv-cache-memory-bytes", "num-gpu-blocks-override", "config", "headless")


@rule(Severity.INFO, servers)
def unpinned_utilization(server: Server) -> Iterator[Flaw]:
    line = server.args.line
    shortened = line is not None and any(flag.name.startswith("gpu-memory-u") for flag in line.flags)
    if line is None or shortened or any(line.flag(flag) is not None for flag in _FIXED_BY):
        return
    yield Flaw(
        server.object,
        server.field("args" if server.container.args else "command"),
        "--gpu-memory-utilization is left to the default, which differs between versions (0.90, later 0.92)",
        "add --gpu-memory-utilization=0.90",
    )
