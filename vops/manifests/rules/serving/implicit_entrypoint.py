"""The arguments rely on the image's own entrypoint.

What it finds
    A vLLM image with `args` and without `command`.

Why it matters
    The entrypoint of vLLM's images changed from the API server's module, which wants `--model X`, to `vllm serve`,
    which wants the model as its first word. Arguments that suit one fail, or warn, with the other.

Evidence
    The container's `args`, and the `command` that it lacks.

Fix
    Say `command: ["vllm", "serve"]` and give the model as the first argument; that holds for every version.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.WARNING, servers)
def implicit_entrypoint(server: Server) -> Iterator[Flaw]:
    container = server.container
    line = server.args.line
    if container.command or not container.args or not server.is_official or line is None or line.serve is not None:
        return
    yield Flaw(
        server.object,
        server.field("args"),
        f"{server.name} passes arguments to whatever entrypoint {container.image} has; it differs between versions",
        'set command: ["vllm", "serve"] and give the model as the first argument, without --model',
    )
