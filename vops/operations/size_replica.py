"""Sizes a server that runs: the model's configuration from the Hub, the card of its node, the flags it was given."""

from __future__ import annotations

import asyncio

from vops.diagnosis.facts import Replica
from vops.errors import UsageError
from vops.model.serving import EngineArgs
from vops.operations.session import Session
from vops.operations.size import Wanted, answer, card_of_node, hub_source
from vops.sizing.answer import Answer
from vops.sizing.parallelism import Parallelism
from vops.sizing.settings import Asked


async def size_replica(session: Session, replica: Replica) -> Answer:
    """What vLLM would do with its model on its card. Raises VopsError where the model or the card is not known."""
    model = replica.args.model
    if not model or model.startswith(("/", ".", "~", "s3://", "gs://")):
        said = f"{model} is a folder in the pod" if model else "its command line names no model"
        raise UsageError(
            f"not sized: {said}, and vops reads configurations from the Hub", hint="vops size --config FILE"
        )
    if replica.node is None:
        raise UsageError("not sized: it has no node yet", hint=f"vops size {model} --gpu L4, H100, …")
    card, state = card_of_node(replica.node), session.settings.state_path
    wanted = Wanted(await hub_source(session.hub(), model), card, asked_of(replica.args))
    # Trying what would hold more takes longer than a screen may wait.
    return await asyncio.to_thread(answer, wanted, state)


def asked_of(args: EngineArgs) -> Asked:
    """A command line as what sizing is asked; None where vLLM's default holds."""
    sizes = (args.tensor_parallel_size, args.pipeline_parallel_size, args.data_parallel_size)
    tensor, pipeline, data = (size or 1 for size in sizes)
    expert = args.location("enable-expert-parallel") is not None
    return Asked(
        version=args.version,
        parallelism=Parallelism(tensor=tensor, pipeline=pipeline, data=data, expert=expert),
        max_model_len=args.max_model_len,
        gpu_memory_utilization=args.gpu_memory_utilization,
        kv_cache_dtype=args.kv_cache_dtype or "auto",
        dtype=args.dtype or "auto",
        quantization=args.quantization or None,
        max_num_seqs=args.max_num_seqs,
        max_num_batched_tokens=args.max_num_batched_tokens,
        enforce_eager=args.enforce_eager,
        prefix_caching=False if args.location("no-enable-prefix-caching") is not None else None,
    )
