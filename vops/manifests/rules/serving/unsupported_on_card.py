"""A precision that the chosen card does not have.

What it finds
    A node selector for a T4, V100 or P100 with `--dtype bfloat16` or a quantization that needs a newer card.

Why it matters
    bfloat16 needs compute capability 8.0; the Marlin kernels of AWQ and GPTQ need 8.0 as well. vLLM refuses to start.

Evidence
    The node selector or affinity that names the card, and the flag.

Fix
    Use `--dtype half`, and `--quantization awq` or `gptq` without Marlin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_OLD_CARD = re.compile(r"(?:^|[^a-z0-9])(t4|v100|p100)(?:$|[^a-z0-9])", re.IGNORECASE)
_NEWER_ONLY = {"dtype": ("bfloat16",), "quantization": ("awq_marlin", "gptq_marlin", "marlin")}


@rule(Severity.ERROR, servers)
def unsupported_on_card(server: Server) -> Iterator[Flaw]:
    selector = server.pod.get("nodeSelector")
    words = " ".join(map(str, selector.values())) if isinstance(selector, dict) else ""
    card = _OLD_CARD.search(words)
    if card is None:
        return
    for flag, values in _NEWER_ONLY.items():
        found = server.args.location(flag)
        if found is not None and found.value in values:
            yield Flaw(
                server.object,
                server.flag_field(flag),
                f"--{flag} {found.value} needs compute capability 8.0, which a {card[1].upper()} does not have",
                "use --dtype half" if flag == "dtype" else f"use --quantization {found.value.removesuffix('_marlin')}",
            )
