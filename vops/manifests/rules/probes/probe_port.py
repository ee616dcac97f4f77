"""A probe asks at a port where nothing listens.

What it finds
    A probe whose port is neither the server's nor the name of one of the container's ports, or names a port of
    another number.

Why it matters
    The connection is refused for ever: the pod never gets ready, or is killed.

Evidence
    The probe's port, and `--port` (8000 when it is not given).

Fix
    Probe the server's own port by its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.model.pods import Probe


@rule(Severity.ERROR, servers)
def probe_port(server: Server) -> Iterator[Flaw]:
    container = server.container
    fields = (
        ("startupProbe", container.startup_probe),
        ("readinessProbe", container.readiness_probe),
        ("livenessProbe", container.liveness_probe),
    )
    if not server.has_known_port:
        return
    for field, probe in fields:
        port = _port(server, probe)
        if port is not None and port != server.args.port and not server.offers(port):
            yield Flaw(
                server.object,
                server.field(field),
                f"the {field} asks at port {port}, and vLLM listens on {server.args.port}",
                f"set the probe's port to {server.args.port}",
            )


def _port(server: Server, probe: Probe | None) -> int | str | None:
    """The number that a probe asks at, or the name that no port has; None for probes without one."""
    if probe is None or probe.http_get is None:
        return None
    port = probe.http_get.port
    named = {item.name: item.container_port for item in server.container.ports}
    return named.get(port, port) if isinstance(port, str) else port
