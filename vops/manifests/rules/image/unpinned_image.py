"""The image may be another one tomorrow.

What it finds
    A server's image with the tag `latest` or `nightly`, or without a tag and digest.

Why it matters
    A restart on another node takes what the tag means then: other flags, other metrics, another memory profile, in
    the middle of the night and on one replica of several.

Evidence
    The image.

Fix
    Pin a tested version, best with its digest.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_MOVING = ("latest", "nightly")


@rule(Severity.WARNING, servers)
def unpinned_image(server: Server) -> Iterator[Flaw]:
    image = server.container.image
    if not image or "@sha256:" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if not tag or tag in _MOVING:
        example = ", such as vllm/vllm-openai:v0.25.1" if "vllm/vllm-openai" in image else ""
        yield Flaw(
            server.object,
            server.field("image"),
            f"{image} is not a version: every restart may run another one",
            f"pin a tested version{example}, best with its digest",
        )
