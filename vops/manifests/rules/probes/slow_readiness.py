"""A dead server stays in the Service for minutes.

What it finds
    A readiness probe that needs more than a minute of failures, behind a startup probe.

Why it matters
    Requests go to a server that does not answer until period × failures have passed.

Evidence
    `periodSeconds` and `failureThreshold`. Without a startup probe, see no-startup-probe.

Fix
    5 s × 3 is a good value; the startup probe covers the load.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_MOST_S = 60


@rule(Severity.WARNING, servers)
def slow_readiness(server: Server) -> Iterator[Flaw]:
    probe = server.container.readiness_probe
    if probe is None or server.container.startup_probe is None:
        return
    seconds = probe.period_seconds * probe.failure_threshold
    if seconds > _MOST_S:
        yield Flaw(
            server.object,
            server.field("readinessProbe"),
            f"{server.name} stays in the Service for {seconds} s after it has died",
            "set periodSeconds 5 and failureThreshold 3; the startup probe covers the load",
        )
