"""The verb render: what was asked for, the card's names, the model's weight, and the library, put together."""

from __future__ import annotations

import msgspec

from vops.errors import UsageError
from vops.library import manifest_files
from vops.manifests.predictions import named_weights
from vops.manifests.render import Library, Manifest, kinds, overlays, render, to_yaml
from vops.manifests.values import Asked, library_values
from vops.sizing.gpus import Card, card_names, find_card

DEPLOY = "deploy"
_CARD_OVERLAYS = {"L4": "l4", "A100-80GB": "a100", "H100": "h100"}
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


def render_order(order: Order) -> list[Manifest]:
    """The objects. Raises UsageError for a kind, card, overlay or combination that there is not."""
    library = manifest_files()
    known = kinds(library)
    if order.kind not in known:
        raise UsageError(f"there is no kind {order.kind!r} to render", hint=f"one of {', '.join(known)}")
    card = _card(order.gpu)
    components = _components(order, library, card)
    values = library_values(_completed(order, card))
    root = "base" if order.kind == DEPLOY else f"stacks/{order.kind}"
    objects = render(library, root, components, values, order.asked.namespace)
    if order.quantization:
        objects = [_quantized(item, order.quantization) for item in objects]
    kept = [item for item in objects if item["kind"].lower() not in {kind.lower() for kind in order.without}]
    if not kept:
        raise UsageError("nothing is left to render", hint="leave out fewer kinds")
    return kept


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


def _card(name: str) -> Card | None:
    if not name:
        return None
    card = find_card(name)
    if card is None:
        raise UsageError(f"card {name!r} is not known", hint=f"one of {', '.join(card_names())}")
    return card


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
    if sharded and _RESOURCES & set(order.overlays):
        raise UsageError("a part of a card does not go with --tp", hint="leave out --tp, or the overlay")
    found = [] if card is None else [_CARD_OVERLAYS.get(card.name, "card")]
    found += ["tensor-parallel"] if sharded else []
    found += [name for name in order.overlays if name not in _PLATFORMS]
    return list(dict.fromkeys([*found, *(name for name in order.overlays if name in _PLATFORMS)]))


def _completed(order: Order, card: Card | None) -> Asked:
    """What was asked for, with what the card and the model's name say."""
    asked = order.asked
    weights = asked.weights_bytes or named_weights(asked.model, order.quantization)
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
