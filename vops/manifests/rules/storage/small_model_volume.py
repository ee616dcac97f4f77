"""The model does not fit on its volume.

What it finds
    A claim or an `emptyDir` at the model cache whose size is below the weights.

Why it matters
    The download fills it and fails at the end (`No space left on device`); an emptyDir over its `sizeLimit` has the
    pod evicted.

Evidence
    The size, and the weights that the model's name tells.

Fix
    The weights and a quarter more: the cache holds them while they are written.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.amounts import amount_bytes
from vops.manifests.cache import cache_folder
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.objects import dig
from vops.manifests.predictions import weights_bytes
from vops.manifests.rule import Flaw, rule
from vops.model.quantities import format_bytes


@rule(Severity.ERROR, seen_servers)
def small_model_volume(seen: Seen) -> Iterator[Flaw]:
    server = seen.server
    mounted, weights = server.mount_at(cache_folder(server)), weights_bytes(server)
    if mounted is None or weights is None:
        return
    _, volume, at = mounted
    claim = next((c.claim for c in seen.manifests.claims if c.pod is server.pod and c.volume_index == at), None)
    asked = dig(volume, "emptyDir", "sizeLimit")
    if claim is not None:
        asked = claim.get("spec", "resources", "requests", "storage")
    size = amount_bytes(asked)
    if size is not None and size < weights:
        yield Flaw(
            server.object,
            server.pod.field("volumes", at),
            f"{asked} do not hold {server.args.model}, whose weights take about {format_bytes(weights)}",
            f"make it {format_bytes(weights * 1.25)} or more",
        )
