"""A server shares the node's processes or may do anything on it.

What it finds
    `hostPID`, `hostIPC` or `privileged: true` in a pod that runs vLLM.

Why it matters
    Serving needs none of them: GPUs come from the device plugin and shared memory from a volume. A model file or a
    prompt that finds a hole then has the node, and every other tenant's GPU memory.

Evidence
    The field.

Fix
    Remove it; for /dev/shm mount an emptyDir with medium Memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.objects import dig
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.WARNING, servers)
def host_namespaces(server: Server) -> Iterator[Flaw]:
    for field in ("hostPID", "hostIPC"):
        if server.pod.get(field) is True:
            words = f"{server.name} shares the node's {'processes' if field == 'hostPID' else 'shared memory'}"
            yield Flaw(server.object, server.pod.field(field), words, f"remove {field}")
    if dig(server.raw, "securityContext", "privileged") is True:
        path = server.field("securityContext", "privileged")
        yield Flaw(server.object, path, f"{server.name} may do anything on its node", "remove privileged")
