"""`vllm.size`: whether a workload's model would fit with another parallelism, before anything is changed.

Heads, weights and KV cache as `vops size` computes them, from the model's config.json on the Hub and from the card that
the nodes' labels name. Where either cannot be had, nothing is claimed: `known` is false, and it says what was not
checked.
"""

from __future__ import annotations

import msgspec

from vops.diagnosis.facts import WorkloadFacts
from vops.errors import InputError, UsageError
from vops.model.hub import seeded_model
from vops.model.quantities import format_bytes
from vops.model.resources import Node
from vops.model.serving import EngineArgs
from vops.runbooks.asks import ConfigAsk
from vops.runbooks.kinds import Group, Outcome, RefArg, StepFault, View
from vops.sizing.capacity import Sizing, size
from vops.sizing.gpus import Card, find_card
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.parallelism import Parallelism
from vops.sizing.reading import architecture
from vops.sizing.settings import Asked

KIND = "vllm.size"
GROUP = Group.LOOK
OUTPUTS = {
    "known": "bool",
    "fits": "bool",
    "obstacle": "string",
    "limitedBy": "string",
    "weightsBytes": "any",
    "kvTokens": "any",
    "sequences": "any",
}
_CARD_LABELS = ("nvidia.com/gpu.product", "cloud.google.com/gke-accelerator", "karpenter.k8s.aws/instance-gpu-name")


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The Deployment or StatefulSet."""
    tp: int
    """The tensor-parallel size to try."""


def look(args: Args, view: View) -> Outcome:
    """What it comes to; `fits` is true and `obstacle` empty where nothing is known."""
    workload = view.facts.workload(args.ref.kind, args.ref.namespace, args.ref.name)
    if workload is None or workload.container is None:
        raise StepFault(f"{args.ref.ref} runs no vLLM server that can be seen")
    engine, card = EngineArgs.of(workload.container), _card(workload, view)
    seeded = seeded_model(engine.model)
    name = seeded.repository if seeded else engine.model
    found = view.answer(ConfigAsk(name)) if card is not None and name else None
    if found is None or card is None:
        missing = "which GPU the nodes have" if card is None else f"the config.json of {name or 'its model'}"
        return Outcome(_unknown(), (f"Not checked: heads, weights and KV cache, since {missing} is not known.",))
    try:
        model = architecture(ModelConfig.parse(found.config, f"{engine.model}/config.json"))
        sizing = size(model, card, _asked(engine, args.tp))
    except (InputError, UsageError) as error:
        return Outcome(_unknown(), (f"Not checked: heads, weights and KV cache ({error}).",))
    return Outcome(_outputs(sizing), (_said(sizing, args.tp),))


def _unknown() -> dict[str, object]:
    return {"known": False, "fits": True, "obstacle": "", "limitedBy": ""}


def _outputs(sizing: Sizing) -> dict[str, object]:
    return {
        "known": True,
        "fits": sizing.fits,
        "obstacle": sizing.obstacle,
        "limitedBy": str(sizing.limited_by),
        "weightsBytes": sizing.weights.gpu_bytes,
        "kvTokens": sizing.kv_tokens,
        "sequences": sizing.sequences,
    }


def _said(sizing: Sizing, tp: int) -> str:
    return (
        f"With {tp} GPUs each holds {format_bytes(sizing.weights.gpu_bytes)} of weights and a KV cache of "
        f"{sizing.kv_tokens:,} tokens, enough for {sizing.sequences} requests of {sizing.settings.max_model_len:,}."
    )


def _asked(engine: EngineArgs, tp: int) -> Asked:
    return Asked(
        version=engine.version,
        parallelism=Parallelism(tensor=tp, pipeline=engine.pipeline_parallel_size or 1),
        max_model_len=engine.max_model_len,
        gpu_memory_utilization=engine.gpu_memory_utilization,
        kv_cache_dtype=engine.kv_cache_dtype or "auto",
        dtype=engine.dtype or "auto",
        quantization=engine.quantization or None,
        max_num_seqs=engine.max_num_seqs,
        max_num_batched_tokens=engine.max_num_batched_tokens,
        enforce_eager=engine.enforce_eager,
    )


def _card(workload: WorkloadFacts, view: View) -> Card | None:
    """The card of the nodes that its replicas are on, else of those that its node selector picks."""
    nodes = [item.node for item in workload.replicas if item.node is not None]
    selector = workload.workload.spec.template.spec.node_selector.items()
    nodes += [node for node in view.snapshot.nodes if selector and selector <= node.metadata.labels.items()]
    return next((card for node in nodes if (card := _card_of(node)) is not None), None)


def _card_of(node: Node) -> Card | None:
    labels = node.metadata.labels
    name = next((labels[label] for label in _CARD_LABELS if labels.get(label)), "")
    return find_card(name, labels.get("nvidia.com/gpu.memory", "")) if name else None
