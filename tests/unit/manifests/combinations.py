"""What of the library is rendered in tests: every kind, card, image, size, overlay and platform."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from vops.library import manifest_files
from vops.manifests.render import kinds, overlays
from vops.manifests.values import Asked
from vops.operations.render import Order

LIBRARY = manifest_files({"XDG_CONFIG_HOME": "/nonexistent"})
KINDS = tuple(kinds(LIBRARY))
OVERLAYS = tuple(overlays(LIBRARY))
STACKS = tuple(kind for kind in KINDS if kind != "deploy")
PLATFORMS = ("gke", "eks", "aks")
CARDS = ("L4", "A10G", "A100-40GB", "A100-80GB", "L40S", "H100", "H200", "B200")
IMAGES = tuple(f"vllm/vllm-openai:v{version}" for version in ("0.8.5", "0.12.0", "0.25.1", "0.33.0"))
MODELS = ("Qwen/Qwen3-8B", "meta-llama/Llama-3.3-70B-Instruct", "deepseek-ai/DeepSeek-V3.1", "/models/own")


def orders() -> Iterator[Order]:
    """Each combination, under a name of its own."""
    numbers = itertools.count()
    for kind, model in itertools.product(KINDS, MODELS):
        yield Order(kind, Asked(name=f"kind-{next(numbers)}", model=model, replicas=2))
    for card, image, gpus in itertools.product(CARDS, IMAGES, (1, 2, 8)):
        yield Order("deploy", Asked(name=f"card-{next(numbers)}", image=image, tensor_parallel_size=gpus), card)
    for image, gpus in itertools.product(IMAGES, (1, 2)):
        small = Asked("Qwen/Qwen3-8B-AWQ", name=f"small-{next(numbers)}", image=image, tensor_parallel_size=gpus)
        yield Order("deploy", small, "T4", overlays=("t4-awq",))
    for overlay, platform in itertools.product(OVERLAYS, (None, *PLATFORMS)):
        both = (overlay,) if platform in (None, overlay) else (overlay, platform)
        yield Order("deploy", Asked(name=f"over-{next(numbers)}"), "H100", overlays=both)
