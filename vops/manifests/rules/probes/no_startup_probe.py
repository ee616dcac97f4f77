"""Nothing gives the server time to start but the other probes.

What it finds
    A server without a startup probe, whose liveness probe kills it before it can be up, or whose readiness probe was
    stretched instead.

Why it matters
    A failing readiness probe never restarts a container; liveness and startup probes do. A long
    `initialDelaySeconds` on readiness therefore protects nothing: it keeps a fast start out of the Service, and a
    high failure threshold keeps a dead server in it.

Evidence
    The absent `startupProbe`, and the delays of the others.

Fix
    Add a `startupProbe` on /health with a budget computed from the model's size, and short readiness and liveness
    probes behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.predictions import start_seconds
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.model.pods import Probe

_STRETCHED_S = 120
_AMPLE_S = 600
_FIX = (
    "add a startupProbe on /health (periodSeconds 10, failureThreshold from the model's size), without delays elsewhere"
)


@rule(Severity.WARNING, servers)
def no_startup_probe(server: Server) -> Iterator[Flaw]:
    container = server.container
    if container.startup_probe is not None:
        return
    liveness, readiness = _asks(container.liveness_probe), _asks(container.readiness_probe)
    needed = start_seconds(server) or 0
    if liveness is not None:
        deadly = liveness.budget_s < needed
        yield Flaw(
            server.object,
            server.field("livenessProbe"),
            f"without a startup probe the liveness probe gives {server.name} {liveness.budget_s} s to start"
            + (f", and it needs about {needed} s" if deadly else ""),
            _FIX,
            _severity(liveness.budget_s, needed),
        )
    elif readiness is not None and (readiness.initial_delay_seconds >= 30 or readiness.budget_s >= _STRETCHED_S):
        yield Flaw(
            server.object,
            server.field("readinessProbe"),
            f"the readiness probe waits {readiness.budget_s} s for {server.name} to start, which is a startup probe's "
            "work; readiness restarts nothing",
            _FIX,
        )


def _asks(probe: Probe | None) -> Probe | None:
    """A probe that asks the server; what a command of its own looks at is not known."""
    return None if probe is None or probe.exec is not None else probe


def _severity(budget_s: int, needed_s: int) -> Severity:
    """Deadly when it is known to be too short; a hint when a long delay covers the load, and a dead start as well."""
    if budget_s < needed_s:
        return Severity.ERROR
    return Severity.INFO if budget_s >= _AMPLE_S else Severity.WARNING
