"""The server listens on the loopback address only.

What it finds
    `--host 127.0.0.1`, `localhost` or `::1`.

Why it matters
    Probes and Services reach a pod by its address: nothing answers there, the pod never gets ready, and the startup
    probe kills it.

Evidence
    The flag. Servers without ports and probes (behind a sidecar of the same pod) are left alone.

Fix
    Remove the flag; the default is every address.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@rule(Severity.ERROR, servers)
def loopback_host(server: Server) -> Iterator[Flaw]:
    container = server.container
    probes = (container.startup_probe, container.readiness_probe, container.liveness_probe)
    reached = container.ports or any(probe is not None and probe.exec is None for probe in probes)
    if server.args.host in _LOOPBACK and reached:
        yield Flaw(
            server.object,
            server.flag_field("host"),
            f"--host {server.args.host} listens inside the pod only: probes and Services get no answer",
            "remove --host, or set it to 0.0.0.0",
        )
