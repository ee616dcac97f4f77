"""An environment variable that the image's version of vLLM no longer reads.

What it finds
    A `VLLM_*` variable that is gone in the version of the image's tag.

Why it matters
    It is ignored without an error, so a setting that somebody relies on has no effect; with
    `--fail-on-environ-validation` the server does not start.

Evidence
    The variable, and the tag of the image.

Fix
    Remove it; where a flag took its place, use the flag.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.manifests.versions import REMOVED_VARIABLES, spoken


@rule(Severity.WARNING, servers)
def removed_variable(server: Server) -> Iterator[Flaw]:
    for name in server.variables:
        gone = REMOVED_VARIABLES.get(name)
        if gone is not None and server.version is not None and server.version >= gone.since:
            yield Flaw(
                server.object,
                server.variable_field(name),
                f"{name} has no effect: vLLM does not read it any more in {spoken(server.version)}",
                f"remove it; {gone.instead}" if gone.instead else "remove it",
            )
