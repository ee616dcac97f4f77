"""The startup probe gives up before the server can be up.

What it finds
    A startup probe whose budget (delay + period × failures) is shorter than the least time that loading the model
    takes.

Why it matters
    The kubelet kills the container in the middle of loading; it begins again, downloads again, and never serves.

Evidence
    The probe's numbers, and the predicted start: weights (from the model's name and precision) read at 250 MB/s, and
    90 s for imports, graphs and warm-up.

Fix
    Raise `failureThreshold`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.predictions import start_seconds
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.ERROR, servers)
def short_startup_window(server: Server) -> Iterator[Flaw]:
    probe, needed = server.container.startup_probe, start_seconds(server)
    if probe is None or needed is None or probe.budget_s >= needed:
        return
    failures = -(-2 * needed // probe.period_seconds)
    yield Flaw(
        server.object,
        server.field("startupProbe"),
        f"the startup probe kills {server.name} after {probe.budget_s} s; loading {server.args.model} takes about "
        f"{needed} s or more",
        f"set failureThreshold to {failures} or more",
    )
