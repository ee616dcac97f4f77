"""A flag that the image's version of vLLM does not have yet.

What it finds
    A flag on the command line that came with a later version than that of the image's tag.

Why it matters
    argparse refuses it: `unrecognized arguments`, exit code 2, CrashLoopBackOff.

Evidence
    The flag, and the tag of the image.

Fix
    Remove the flag, or take an image whose version has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.manifests.versions import added_after, spoken


@rule(Severity.ERROR, servers)
def flag_too_new(server: Server) -> Iterator[Flaw]:
    if server.version is None:
        return
    for flag in server.args.raw:
        since = added_after(flag.name, server.version)
        if since is not None:
            yield Flaw(
                server.object,
                server.field(flag.field, flag.indices[0]),
                f"--{flag.name} came after {spoken(server.version)}; {server.container.image} exits with "
                "`unrecognized arguments`",
                f"remove --{flag.name}, or use an image of {spoken(since)} or newer",
            )
