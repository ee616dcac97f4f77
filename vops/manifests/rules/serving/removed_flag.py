"""A flag that the image's version of vLLM no longer has.

What it finds
    A flag on the command line that was removed in the version of the image's tag, or before it.

Why it matters
    argparse refuses it: `unrecognized arguments`, exit code 2, CrashLoopBackOff. A manifest that worked with the
    image before fails with the next.

Evidence
    The flag, and the tag of the image.

Fix
    Remove the flag, or keep the image whose version knows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.manifests.versions import removed_since, spoken


@rule(Severity.ERROR, servers)
def removed_flag(server: Server) -> Iterator[Flaw]:
    if server.version is None:
        return
    for flag in server.args.raw:
        since = removed_since(flag.name, server.version)
        if since is not None:
            yield Flaw(
                server.object,
                server.field(flag.field, flag.indices[0]),
                f"--{flag.name} is gone from vLLM since {spoken(since)} at the latest; "
                f"{server.container.image} exits with `unrecognized arguments`",
                f"remove --{flag.name}",
            )
