"""The model is downloaded beside the volume that was mounted for it.

What it finds
    A volume at a Hugging Face cache folder, while `HF_HOME` or `--download-dir` point to a place without a volume.

Why it matters
    The download goes into the container's own layer: it is lost with each restart, and fills the node's disk until
    the pod is evicted. The volume stays empty.

Evidence
    The mounts, and the variable or flag.

Fix
    Mount the volume where the variable points.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.cache import cache_folder
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.WARNING, servers)
def cache_elsewhere(server: Server) -> Iterator[Flaw]:
    folder = cache_folder(server)
    meant = next((m for m in server.container.volume_mounts if "huggingface" in m.mount_path.lower()), None)
    if meant is None or "$" in folder or server.args.model.startswith("/") or server.mount_at(folder) is not None:
        return
    at = server.container.volume_mounts.index(meant)
    yield Flaw(
        server.object,
        server.field("volumeMounts", at),
        f"models are downloaded to {folder}, and the volume is at {meant.mount_path}: every restart downloads again",
        f"mount it at {folder}",
    )
