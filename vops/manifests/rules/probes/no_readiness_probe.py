"""Requests are sent to a server that is still loading.

What it finds
    A server that a Service selects, without a readiness probe.

Why it matters
    A pod without one counts as ready when its container runs. vLLM listens only after the model is loaded, minutes
    later: until then every request to the pod is refused, at every start and rollout.

Evidence
    The absent probe, and the Service.

Fix
    Add a readinessProbe on /health.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, seen_servers)
def no_readiness_probe(seen: Seen) -> Iterator[Flaw]:
    server = seen.server
    if server.container.readiness_probe is not None or not seen.manifests.services_of(server.pod):
        return
    if server.container.startup_probe is not None or server.args.headless:
        return  # not started is not ready; a headless worker answers nobody
    yield Flaw(
        server.object,
        server.path,
        f"{server.name} has no readiness probe: the Service sends requests to it while the model loads",
        "add a readinessProbe on /health",
    )
