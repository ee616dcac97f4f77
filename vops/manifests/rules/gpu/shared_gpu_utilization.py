"""A server on a shared GPU takes nearly all of its memory.

What it finds
    A server on a time-sliced or MPS-shared GPU (by resource name or node selector) that may take more than half of the
    card's memory, or the default.

Why it matters
    Sharing divides time, not memory. `--gpu-memory-utilization` is a share of the whole card: the second server finds
    too little free memory and does not start.

Evidence
    The resource name or node selector, and the flag.

Fix
    A share for each server, so that all of them together stay below 0.95.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.objects import strings
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_SELECTORS = ("nvidia.com/gpu.sharing-strategy", "cloud.google.com/gke-gpu-sharing-strategy")
_MOST = 0.5


@rule(Severity.ERROR, servers)
def shared_gpu_utilization(server: Server) -> Iterator[Flaw]:
    selector = strings(server.pod.get("nodeSelector"))
    sharing = next((selector[key] for key in _SELECTORS if selector.get(key, "none") != "none"), "")
    if "nvidia.com/gpu.shared" in server.accelerators:
        sharing = "nvidia.com/gpu.shared"
    share = server.args.gpu_memory_utilization
    if not sharing or server.args.location("kv-cache-memory-bytes") or (share is not None and share <= _MOST):
        return
    taken = "the default share" if share is None else f"{share:g}"
    yield Flaw(
        server.object,
        server.flag_field("gpu-memory-utilization"),
        f"{server.name} takes {taken} of a GPU that it shares ({sharing}): the next server does not start",
        "set --gpu-memory-utilization to this server's part, such as 0.45",
    )
