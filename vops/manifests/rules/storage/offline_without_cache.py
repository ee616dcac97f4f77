"""A server that may not download starts with an empty cache.

What it finds
    `HF_HUB_OFFLINE=1` with a model of the Hub and a cache on an `emptyDir` that nothing fills.

Why it matters
    The cache is empty at every start, and the hub may not be asked: the server exits at once, each time.

Evidence
    The variable, the model, the volume, and the init containers, of which none mounts it.

Fix
    Mount a seeded claim, or drop HF_HUB_OFFLINE.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.cache import cache_folder
from vops.manifests.facts import servers
from vops.manifests.objects import mappings
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@rule(Severity.ERROR, servers)
def offline_without_cache(server: Server) -> Iterator[Flaw]:
    variables = server.variables
    name = next((n for n in _OFFLINE if n in variables and variables[n].value.lower() in ("1", "true", "yes")), None)
    if name is None or not server.args.model or server.args.model.startswith(("/", "s3:", "gs:", "$", ".")):
        return
    mounted = server.mount_at(cache_folder(server))
    if mounted is None:
        return  # the model may be in the image
    mount, volume, _ = mounted
    fillers = [*mappings(server.pod.spec.get("initContainers")), *mappings(server.pod.spec.get("containers"))]
    filled = any(
        item.get("name") == mount.name
        for _, container in fillers
        if container is not server.raw
        for _, item in mappings(container.get("volumeMounts"))
    )
    if "emptyDir" in volume and not filled:
        yield Flaw(
            server.object,
            server.variable_field(name),
            f"{name} forbids the download, and the cache is an emptyDir that nothing fills",
            f"mount a seeded claim at {mount.mount_path}, or remove {name}",
        )
