"""A probe asks a path that wants the API key.

What it finds
    An HTTP probe under /v1 of a server with an API key, without an Authorization header.

Why it matters
    The answer is 401, which the kubelet counts as a failure: the pod never gets ready, or is killed.

Evidence
    The probe's path, and `--api-key` or `VLLM_API_KEY`.

Fix
    Probe /health, which needs no key.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.objects import dig
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.ERROR, servers)
def probe_needs_key(server: Server) -> Iterator[Flaw]:
    if not server.args.api_key:
        return
    for field in ("startupProbe", "readinessProbe", "livenessProbe"):
        path = str(dig(server.raw, field, "httpGet", "path") or "")
        if path.startswith("/v1") and not dig(server.raw, field, "httpGet", "httpHeaders"):
            yield Flaw(
                server.object,
                server.field(field),
                f"{path} wants the API key: the {field} gets 401",
                "probe /health, which needs no key",
            )
