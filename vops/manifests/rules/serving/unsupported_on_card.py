"""A precision that the chosen card does not have.

What it finds
    A node selector for a card before Ampere (T4, V100, P100) with `--dtype bfloat16` or a quantization that needs a
    newer one.

Why it matters
    bfloat16 needs compute capability 8.0; the Marlin kernels of AWQ and GPTQ need 8.0 as well. vLLM refuses to start.

Evidence
    The node selector that names the card, and the flag.

Fix
    Use `--dtype half`, and `--quantization awq` or `gptq` without Marlin.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.cards import chosen_card
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_NEWER_ONLY = {"dtype": ("bfloat16",), "quantization": ("awq_marlin", "gptq_marlin", "marlin")}


@rule(Severity.ERROR, servers)
def unsupported_on_card(server: Server) -> Iterator[Flaw]:
    card = chosen_card(server)
    if card is None or card.bf16:
        return
    for flag, values in _NEWER_ONLY.items():
        found = server.args.location(flag)
        if found is not None and found.value in values:
            yield Flaw(
                server.object,
                server.flag_field(flag),
                f"--{flag} {found.value} needs compute capability 8.0, which a {card.name} does not have",
                "use --dtype half" if flag == "dtype" else f"use --quantization {found.value.removesuffix('_marlin')}",
            )
