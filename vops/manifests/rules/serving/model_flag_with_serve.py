"""`vllm serve --model X`: the model as a flag.

What it finds
    `vllm serve` with `--model`.

Why it matters
    Up to 0.11 it is refused (the model is the first word, and the flag is an error, unless it is written
    `--model=X`); later versions warn, and say that it will go.

Evidence
    The flag, and the tag of the image.

Fix
    Give the model as the first argument after `serve`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.model.commandline import Flag
from vops.model.dialects import Version, dialect

OPTIONAL_MODEL_SINCE = (0, 8, 0)


@rule(Severity.WARNING, servers)
def model_flag_with_serve(server: Server) -> Iterator[Flaw]:
    line = server.args.line
    flag = None if line is None else line.flag("model")
    if line is None or flag is None or line.serve is None or line.module_form:
        return
    refused = server.version is not None and _refuses(server.version, flag)
    yield Flaw(
        server.object,
        server.flag_field("model"),
        f"`vllm serve --model` {'is refused' if refused else 'is not valid in every version'}: the model is the first "
        "argument",
        f"replace --model {flag.value} by {flag.value} right after serve",
        Severity.ERROR if refused else None,
    )


def _refuses(version: Version, flag: Flag) -> bool:
    """From 0.8 to 0.11 vLLM looks for the word `--model`; before, a model as the first word was required."""
    if dialect(version).serve_takes_model_flag:
        return False
    return version < OPTIONAL_MODEL_SINCE or not flag.inline
