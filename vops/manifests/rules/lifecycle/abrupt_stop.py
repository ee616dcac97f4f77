"""Requests that run when a pod stops are cut off.

What it finds
    A server that a Service selects, without a preStop sleep.

Why it matters
    Endpoints take seconds to leave every proxy. Until then new requests reach a server that has already been told to
    stop, and are refused or aborted; every rollout and scale-down shows as errors.

Evidence
    The absent hook.

Fix
    A preStop sleep of 15 s, `--shutdown-timeout` where the version has it, and a grace period for both.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.objects import dig
from vops.manifests.rule import Flaw, rule


@rule(Severity.INFO, seen_servers)
def abrupt_stop(seen: Seen) -> Iterator[Flaw]:
    server = seen.server
    if dig(server.raw, "lifecycle", "preStop") or server.args.headless or not seen.manifests.services_of(server.pod):
        return
    yield Flaw(
        server.object,
        server.path,
        f"{server.name} stops while the Service still sends requests to it",
        "add lifecycle.preStop.sleep of 15 s and a terminationGracePeriodSeconds that includes it",
    )
