"""Several GPUs talk over a /dev/shm of 64 MiB.

What it finds
    A server with tensor or pipeline parallelism inside one pod and no volume at /dev/shm.

Why it matters
    NCCL and the workers' message queue use shared memory, and a container has 64 MiB of it by default: the start
    hangs, or dies with a bus error under the first long prompt.

Evidence
    The parallel sizes, and the mounts.

Fix
    An `emptyDir` with `medium: Memory` and a `sizeLimit` at /dev/shm.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.ERROR, servers)
def shm_missing(server: Server) -> Iterator[Flaw]:
    ranks = (server.args.tensor_parallel_size or 1) * (server.args.pipeline_parallel_size or 1)
    if ranks < 2 or server.shm is not None or server.pod.get("hostIPC") is True:
        return
    if not server.is_official and not any(name.startswith(("nvidia.com/", "amd.com/")) for name in server.accelerators):
        return  # accelerators without NCCL
    if (server.gpus or ranks) < 2:
        return  # one GPU in this pod: its peers are reached over the network
    mounts = "volumeMounts" if server.container.volume_mounts else "name"
    yield Flaw(
        server.object,
        server.field(mounts),
        f"{ranks} ranks share the default /dev/shm of 64 MiB: NCCL hangs at the start",
        "mount an emptyDir with medium: Memory and a sizeLimit at /dev/shm",
    )
