"""Automatic tool choice without a parser.

What it finds
    `--enable-auto-tool-choice` without `--tool-call-parser`.

Why it matters
    vLLM refuses to start: the parser that turns text into tool calls depends on the model and has no default.

Evidence
    The one flag, and the absence of the other.

Fix
    Add `--tool-call-parser` with the parser of the model's family (`hermes`, `llama3_json`, `mistral`, …).
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.ERROR, servers)
def tool_choice_without_parser(server: Server) -> Iterator[Flaw]:
    args = server.args
    if (
        args.location("enable-auto-tool-choice")
        and not args.location("tool-call-parser")
        and not args.location("config")
    ):
        yield Flaw(
            server.object,
            server.flag_field("enable-auto-tool-choice"),
            "--enable-auto-tool-choice needs --tool-call-parser: vLLM refuses to start",
            "add --tool-call-parser with the parser of the model's family",
        )
