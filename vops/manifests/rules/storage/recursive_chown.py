"""Every start changes the owner of every file of the model.

What it finds
    `fsGroup` without `fsGroupChangePolicy: OnRootMismatch`, with a claim mounted.

Why it matters
    The kubelet walks the whole volume before the container starts, each time; for a model of many files on a network
    volume that takes minutes, and the pod shows nothing but ContainerCreating.

Evidence
    The pod's security context, and the claim.

Fix
    `fsGroupChangePolicy: OnRootMismatch`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.INFO, servers)
def recursive_chown(server: Server) -> Iterator[Flaw]:
    context = server.pod.get("securityContext")
    if not isinstance(context, dict) or "fsGroup" not in context:
        return
    mounted = {mount.name for mount in server.container.volume_mounts if not mount.read_only}
    claims = [name for name, (_, volume) in server.pod.volumes.items() if "persistentVolumeClaim" in volume]
    if context.get("fsGroupChangePolicy") != "OnRootMismatch" and mounted & set(claims):
        yield Flaw(
            server.object,
            server.pod.field("securityContext", "fsGroup"),
            f"each start of {server.name} changes the owner of every file on its volume",
            "set fsGroupChangePolicy: OnRootMismatch",
        )
