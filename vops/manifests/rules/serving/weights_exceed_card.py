"""The weights alone are larger than the memory that vLLM may use.

What it finds
    A node selector that names a card, and a model whose name tells weights which, divided over the GPUs of the
    replica, do not fit into `--gpu-memory-utilization` of it.

Why it matters
    The engine dies while it loads, with CUDA out of memory, after the download. A KV cache does not even come into it.

Evidence
    The model's size and precision by its name and flags, the parallel sizes, and the card's memory as CUDA reports it.

Fix
    More GPUs, a larger card, or a quantized build; `vops size` says which of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.cards import chosen_card
from vops.manifests.facts import servers
from vops.manifests.predictions import weights_bytes
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server
from vops.model.quantities import format_bytes

_DEFAULT_SHARE = 0.92


@rule(Severity.ERROR, servers)
def weights_exceed_card(server: Server) -> Iterator[Flaw]:
    card, weights, args = chosen_card(server), weights_bytes(server), server.args
    if card is None or weights is None or server.spans_pods or args.location("cpu-offload-gb") is not None:
        return
    ranks = (args.tensor_parallel_size or 1) * (args.pipeline_parallel_size or 1)
    usable = card.memory_bytes * (args.gpu_memory_utilization or _DEFAULT_SHARE)
    if weights / ranks > usable:
        yield Flaw(
            server.object,
            server.flag_field("tensor-parallel-size"),
            f"the weights of {args.model} take about {format_bytes(weights / ranks)} of each GPU, and vLLM may use "
            f"{format_bytes(usable)} of a {card.name}",
            f"use more GPUs, a larger card or a quantized build: vops size {args.model} --gpu {card.name}",
        )
