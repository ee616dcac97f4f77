"""The liveness probe restarts a server that is only busy.

What it finds
    A liveness probe that kills within 15 s, or by a single failure.

Why it matters
    Under load /health shares the event loop with thousands of streams and answers late. A restart then costs minutes
    of loading, and its load falls on the other replicas, which are busy as well.

Evidence
    `periodSeconds`, `failureThreshold` and `timeoutSeconds`.

Fix
    10 s × 6 with a timeout of 5 s.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_LEAST_S = 30


@rule(Severity.WARNING, servers)
def hasty_liveness(server: Server) -> Iterator[Flaw]:
    probe = server.container.liveness_probe
    if probe is None:
        return
    seconds = probe.period_seconds * probe.failure_threshold
    short = seconds < _LEAST_S and (probe.timeout_seconds < 3 or probe.failure_threshold == 1)
    if short or probe.failure_threshold == 1:
        yield Flaw(
            server.object,
            server.field("livenessProbe"),
            f"the liveness probe restarts {server.name} after {seconds} s of late answers "
            f"(timeout {probe.timeout_seconds} s), which load alone can cause",
            "set periodSeconds 10, failureThreshold 6, timeoutSeconds 5",
        )
