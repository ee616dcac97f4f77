"""The verb render: what was asked for, the card's names, the model's weight, and the library, put together."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from vops.errors import Refused, UsageError
from vops.library import manifest_files
from vops.manifests.render import Library, Manifest, kinds, overlays, render, to_yaml
from vops.manifests.values import DOWNLOAD_BYTES_PER_S, Asked, library_values
from vops.model.dialects import version_of
from vops.operations.size import card_called, local_source
from vops.sizing.capacity import Sizing, size
from vops.sizing.gpus import Card
from vops.sizing.loading import start
from vops.sizing.named import named_weights
from vops.sizing.parallelism import Parallelism
from vops.sizing.reading import architecture
from vops.sizing.settings import Asked as SizingAsked

DEPLOY = "deploy"
MULTI_NODE = "multi-node"
NNODES_SINCE = (0, 12, 0)
"""The first version that vops knows to have `--nnodes`; the ones before span nodes with Ray, which the image lacks."""
_CARD_OVERLAYS = {"L4": "l4", "A100-80GB": "a100", "H100": "h100"}
_PROFILE = re.compile(r"-(\d+g\.\d+gb)$")
_PLATFORMS = frozenset({"gke", "eks", "aks"})
_RESOURCES = frozenset({"mig", "time-slicing"})


class Order(msgspec.Struct, frozen=True):
    """What a user asked `vops render` for: a kind, the card, overlays in their order, kinds to leave out."""

    kind: str
    asked: Asked
    gpu: str = ""
    quantization: str = ""
    overlays: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    config: Path | None = None
    """The model's config.json, or a folder with it: then sizing, and not the model's name, gives the numbers."""


def render_order(order: Order) -> list[Manifest]:
    """The objects. Raises UsageError for a kind, card, overlay or combination that there is not."""
    library = manifest_files()
    known = kinds(library)
    if order.kind not in known:
        raise UsageError(f"there is no kind {order.kind!r} to render", hint=f"one of {', '.join(known)}")
    version = version_of(order.asked.image)
    if order.kind == MULTI_NODE and version is not None and version < NNODES_SINCE:
        raise UsageError(f"{order.asked.image} needs Ray to span nodes", hint="use an image of 0.12 or newer")
    card = card_called(order.gpu) if order.gpu else None
    components = _components(order, library, card)
    values = library_values(_completed(order, card, _sized(order, card)))
    root = "base" if order.kind == DEPLOY else f"stacks/{order.kind}"
    objects = render(library, root, components, values, order.asked.namespace)
    if profile := mig_profile(card):
        objects = [_with_profile(item, profile) for item in objects]
    if order.quantization:
        objects = [_quantized(item, order.quantization) for item in objects]
    kept = [item for item in objects if item["kind"].lower() not in {kind.lower() for kind in order.without}]
    if not kept:
        raise UsageError("nothing is left to render", hint="leave out fewer kinds")
    return kept


def guessed(order: Order) -> str:
    """What had to be guessed for lack of better knowledge, as a sentence; empty when nothing was."""
    asked = order.asked
    if order.config or asked.weights_bytes or named_weights(asked.model, order.quantization):
        return ""
    return (
        f"the name {asked.model!r} does not tell the weights, and 16 GB are taken for the probes and volumes; "
        "give --weights-bytes, or --config and --gpu"
    )


def catalogue() -> str:
    """What can be rendered, a line each."""
    library = manifest_files()
    rows = [
        ("KIND", ""),
        *kinds(library).items(),
        ("", ""),
        ("OVERLAY (--with, for deploy)", ""),
        *overlays(library).items(),
    ]
    return "\n".join(f"{name:<20} {about}".rstrip() for name, about in rows)


def as_yaml(objects: list[Manifest]) -> str:
    return to_yaml(objects)


def as_json(objects: list[Manifest]) -> str:
    """A List, as kubectl prints several objects."""
    listing = {"apiVersion": "v1", "kind": "List", "items": objects}
    return msgspec.json.format(msgspec.json.encode(listing), indent=2).decode()


def _components(order: Order, library: Library, card: Card | None) -> list[str]:
    """The overlays in the order in which they fit: the card, GPUs, what was asked for, and the platform last."""
    known = overlays(library)
    for name in order.overlays:
        if name not in known:
            raise UsageError(f"there is no overlay {name!r}", hint=f"one of {', '.join(known)}")
    if order.kind != DEPLOY:
        if order.overlays:
            raise UsageError("overlays are for `vops render deploy`", hint="leave out --with")
        return []
    sharded = order.asked.tensor_parallel_size > 1
    if sharded and (_RESOURCES & set(order.overlays) or mig_profile(card)):
        raise UsageError("a part of a card does not go with --tp", hint="leave out --tp, or the overlay")
    found = [] if card is None else _card_overlays(card)
    found += ["tensor-parallel"] if sharded else []
    found += [name for name in order.overlays if name not in _PLATFORMS]
    return list(dict.fromkeys([*found, *(name for name in order.overlays if name in _PLATFORMS)]))


def _card_overlays(card: Card) -> list[str]:
    """What chooses the card: a node label, or for a MIG instance the resource's name."""
    if mig_profile(card):
        return ["mig"]
    return [_CARD_OVERLAYS.get(card.name, "card")] if card.products else []


def mig_profile(card: Card | None) -> str:
    """`1g.10gb` for a MIG instance of the catalogue; empty for a whole card."""
    found = _PROFILE.search("" if card is None else card.name)
    return found[1] if found else ""


def _with_profile(item: Manifest, profile: str) -> Manifest:
    """A Deployment whose server asks for one MIG profile."""
    if item["kind"] != "Deployment":
        return item
    resource = f"nvidia.com/mig-{profile}"
    for container in item["spec"]["template"]["spec"]["containers"]:
        limits = container["resources"]["limits"]
        named = {resource if name.startswith("nvidia.com/mig-") else name: amount for name, amount in limits.items()}
        container["resources"]["limits"] = named
    return item


def _sized(order: Order, card: Card | None) -> Sizing | None:
    """What sizing predicts from the model's configuration. Raises Refused for what will not start."""
    if order.config is None:
        return None
    if card is None:
        raise UsageError("--config needs a card to size for", hint="add --gpu, such as --gpu L4")
    asked = order.asked
    wanted = SizingAsked(
        version=version_of(asked.image),
        parallelism=Parallelism(tensor=asked.tensor_parallel_size),
        max_model_len=asked.max_model_len,
        gpu_memory_utilization=asked.gpu_memory_utilization,
        kv_cache_dtype="fp8" if "fp8-kv" in order.overlays else "auto",
        quantization=order.quantization or None,
        max_num_seqs=asked.max_num_seqs,
    )
    source = local_source(order.config, asked.model)
    sizing = size(architecture(source.config), card, wanted, checkpoint_bytes=asked.weights_bytes)
    if not sizing.fits:
        short = f"{asked.model} does not fit {card.name} × {asked.tensor_parallel_size}: limited by {sizing.limited_by}"
        raise Refused(short, hint="vops size says what would fit")
    return sizing


def _completed(order: Order, card: Card | None, sizing: Sizing | None) -> Asked:
    """What was asked for, with what the card, and sizing or the model's name, say."""
    asked = order.asked
    weights = asked.weights_bytes or named_weights(asked.model, order.quantization)
    if sizing is not None:
        begin = start(sizing, DOWNLOAD_BYTES_PER_S / 1e9)
        numbers = {"startup_failures": begin.probe_failure_threshold, "memory": f"{begin.memory_limit_gib}Gi"}
        numbers |= {"progress_deadline_s": begin.probe_failure_threshold * 10 + 600}
        numbers |= {"shm": f"{begin.shm_gib}Gi"} if asked.tensor_parallel_size > 1 else {}
        weights = sizing.weights.total_bytes
        computed = {name: str(value) for name, value in numbers.items()}
        asked = msgspec.structs.replace(asked, parameters=computed | dict(asked.parameters))
    if card is None:
        return msgspec.structs.replace(asked, weights_bytes=weights)
    products = [name for name in card.products if not name.startswith("nvidia-")]
    accelerators = [name for name in card.products if name.startswith("nvidia-")]
    return msgspec.structs.replace(
        asked,
        weights_bytes=weights,
        gpu_product=next(iter(products), ""),
        gke_accelerator=next(iter(accelerators), ""),
        aws_gpu_name=card.name.partition("-")[0].lower(),
    )


def _quantized(item: Manifest, quantization: str) -> Manifest:
    """A Deployment whose server is given the flag."""
    if item["kind"] != "Deployment":
        return item
    flag = f"--quantization={quantization}"
    for container in item["spec"]["template"]["spec"]["containers"]:
        if container["name"] == "vllm" and flag not in container["args"]:
            container["args"].append(flag)
    return item
