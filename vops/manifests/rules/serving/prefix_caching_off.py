"""Prefix caching is turned off.

What it finds
    `--no-enable-prefix-caching`, or `--enable-prefix-caching false`.

Why it matters
    It is on by default and costs nothing: a shared system prompt is computed once. Some charts turn it off when a
    value is merely left out.

Evidence
    The flag.

Fix
    Remove the flag, unless it is off for a benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.WARNING, servers)
def prefix_caching_off(server: Server) -> Iterator[Flaw]:
    if server.args.location("no-enable-prefix-caching") is not None:
        yield Flaw(
            server.object,
            server.flag_field("no-enable-prefix-caching"),
            "prefix caching is turned off: every request computes the shared prompt again",
            "remove --no-enable-prefix-caching",
        )
