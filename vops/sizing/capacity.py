"""Does it fit, and how much does it hold: the budget of one GPU, term by term, and what limits it.

    budget   = utilization × what CUDA reports
    KV cache = budget − weights − activation peak − other − CUDA graphs (where the release counts them)

Source: vLLM v1/worker/gpu_worker.py `determine_available_memory`, v1/core/kv_cache_utils.py
`check_enough_kv_cache_memory`. A prediction is believed to within MARGIN of the card, so a model that would have
less to spare than that is called too tight to promise.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from vops.sizing.activations import Overhead, overhead
from vops.sizing.architecture import Architecture
from vops.sizing.gpus import Card
from vops.sizing.kv_cache import Layout, layout
from vops.sizing.parallelism import obstacle
from vops.sizing.quantization import Quantization, named, on_card
from vops.sizing.settings import Asked, Resolved, Speculation, dtype_bytes, resolve
from vops.sizing.weights import Weights, adapter_bytes, draft_bytes, drafter_bytes, weights

MARGIN = 0.01
THIN_CONCURRENCY = 4.0
GIB = 2**30


class Verdict(StrEnum):
    """Whether the server starts and what it holds."""

    FITS = "fits"
    THIN = "thin"
    TIGHT = "tight"
    NO = "no"


class Limit(StrEnum):
    """The term that limits: what to change first."""

    WEIGHTS = "weights"
    ACTIVATIONS = "activations"
    KV_CACHE = "kv-cache"
    SEQUENCES = "max-num-seqs"
    PARALLELISM = "parallelism"


class Measured(msgspec.Struct, frozen=True):
    """What a start of the same model with the same settings logged; None where it did not. `at` is when."""

    weights_gib: float | None = None
    kv_available_gib: float | None = None
    kv_tokens: int | None = None
    at: str = ""

    def __bool__(self) -> bool:
        return self.kv_available_gib is not None or self.weights_gib is not None


class Sizing(msgspec.Struct, frozen=True):
    """The whole answer for one model, card and settings; bytes are of one GPU, the fullest."""

    model: Architecture
    card: Card
    asked: Asked
    settings: Resolved
    budget_bytes: int
    weights: Weights
    overhead: Overhead
    cache: Layout
    kv_cache_bytes: int
    kv_tokens: int
    concurrency: float
    verdict: Verdict
    limited_by: Limit
    obstacle: str = ""
    measured: Measured | None = None

    @property
    def fits(self) -> bool:
        """Whether it can be promised to start and to serve a request of the whole length."""
        return self.verdict in (Verdict.FITS, Verdict.THIN)

    @property
    def request_bytes(self) -> int:
        """KV cache of one request of `max_model_len` tokens."""
        return self.cache.request_bytes(self.settings.max_model_len, self.settings.max_num_batched_tokens)

    @property
    def kv_bytes_per_token(self) -> float:
        """KV cache of a token in a request of `max_model_len`, a recurrent layer's state included."""
        return self.request_bytes / self.settings.max_model_len

    @property
    def sequences(self) -> int:
        """Requests of the whole length that run at once: what the cache holds and the scheduler admits."""
        return min(int(self.concurrency), self.settings.max_num_seqs) if self.kv_cache_bytes > 0 else 0

    @property
    def longest_context(self) -> int:
        """The longest request that the cache holds alone, at most the model's length; 0 where nothing fits."""
        low, high = 0, self.model.max_length
        while low < high:
            middle = (low + high + 1) // 2
            need = self.cache.request_bytes(middle, self.settings.max_num_batched_tokens)
            low, high = (middle, high) if need <= self.kv_cache_bytes else (low, middle - 1)
        return low


class _Stage(msgspec.Struct, frozen=True):
    """One GPU of a pipeline stage: what it holds, and what that leaves for the cache."""

    weights: Weights
    overhead: Overhead
    cache: Layout
    left: int

    @property
    def blocks(self) -> float:
        """What the cache's pool would have here; every stage gets as many as the one with the fewest."""
        return self.left / self.cache.block_bytes if self.cache.block_bytes else float("inf")


def size(
    model: Architecture,
    card: Card,
    asked: Asked,
    *,
    checkpoint_bytes: int | None = None,
    measured: Measured | None = None,
) -> Sizing:
    """The answer. `checkpoint_bytes`, the weights as stored, corrects the shapes' total where it is known better."""
    model = msgspec.structs.replace(model, dtype_bytes=dtype_bytes(model, asked.dtype))
    settings = resolve(model, card, asked)
    budget = int(settings.gpu_memory_utilization * card.memory_bytes)
    count = min(settings.parallelism.pipeline, len(model.layers))
    stage = min(
        (_stage(model, card, asked, settings, index, checkpoint_bytes) for index in range(count)),
        key=lambda found: (found.blocks, found.left),
    )
    held, left = stage.weights, stage.left
    if measured and measured.kv_available_gib is not None:
        left = int(measured.kv_available_gib * GIB)
    if measured and measured.weights_gib is not None:
        held = msgspec.structs.replace(held, gpu_bytes=int(measured.weights_gib * GIB))
    built = Sizing(
        model=model,
        card=card,
        asked=asked,
        settings=settings,
        budget_bytes=budget,
        weights=held,
        overhead=stage.overhead,
        cache=stage.cache,
        kv_cache_bytes=left,
        kv_tokens=stage.cache.tokens(left, settings.max_model_len, settings.max_num_batched_tokens),
        concurrency=stage.cache.concurrency(left, settings.max_model_len, settings.max_num_batched_tokens),
        verdict=Verdict.NO,
        limited_by=Limit.KV_CACHE,
        obstacle=obstacle(model, settings.parallelism),
        measured=measured,
    )
    if measured and measured.kv_tokens:
        built = msgspec.structs.replace(
            built, kv_tokens=measured.kv_tokens, concurrency=measured.kv_tokens / settings.max_model_len
        )
    return _judged(built)


def _stage(
    model: Architecture, card: Card, asked: Asked, settings: Resolved, index: int, checkpoint_bytes: int | None
) -> _Stage:
    """The GPU of stage `index`; speculative decoding's layers are on the last."""
    scheme = on_card(
        model.quantization if asked.quantization is None else named(asked.quantization), card.capability[0]
    )
    last = index == settings.parallelism.pipeline - 1
    speculation = asked.speculation if last else Speculation()
    held = weights(model, settings.parallelism, scheme, index)
    if checkpoint_bytes is not None and asked.quantization is None:
        share = checkpoint_bytes / held.total_bytes
        held = Weights(checkpoint_bytes, int(held.gpu_bytes * share), held.elements)
    held = _with_extras(held, model, msgspec.structs.replace(asked, speculation=speculation), settings, scheme)
    beside = overhead(model, card, settings, index)
    counted = beside.graph_bytes if beside.graphs_in_budget else 0
    budget = int(settings.gpu_memory_utilization * card.memory_bytes) + int(asked.cpu_offload_gib * GIB)
    cache = layout(
        model,
        settings,
        draft=speculation.draft,
        draft_layers=model.draft_layers if "mtp" in speculation.method else 0,
        hybrid_manager=asked.hybrid_manager,
        stage=index,
    )
    left = budget - held.gpu_bytes - beside.activation_bytes - beside.other_bytes - counted
    return _Stage(held, beside, cache, left)


def _with_extras(held: Weights, model: Architecture, asked: Asked, settings: Resolved, scheme: Quantization) -> Weights:
    """Weights with what is loaded beside the model: adapters, a draft model or the model's own draft layers."""
    more = adapter_bytes(model, settings.parallelism, asked.lora_rank, asked.lora_slots) if asked.lora_rank else 0
    speculation = asked.speculation
    if speculation.draft is not None:
        more += drafter_bytes(speculation.draft, settings.parallelism, speculation.method)
    elif "mtp" in speculation.method:
        more += draft_bytes(model, settings.parallelism, scheme)
    return msgspec.structs.replace(held, gpu_bytes=held.gpu_bytes + more)


def _judged(sizing: Sizing) -> Sizing:
    verdict, limit = _verdict(sizing), _limit(sizing)
    return msgspec.structs.replace(sizing, verdict=verdict, limited_by=limit)


def _verdict(sizing: Sizing) -> Verdict:
    if sizing.obstacle or sizing.kv_cache_bytes < max(sizing.request_bytes, 1):
        return Verdict.NO
    margin = 0 if sizing.measured else int(MARGIN * sizing.card.memory_bytes)
    if sizing.kv_cache_bytes - margin < sizing.request_bytes:
        return Verdict.TIGHT
    return Verdict.THIN if sizing.concurrency < THIN_CONCURRENCY else Verdict.FITS


def _limit(sizing: Sizing) -> Limit:
    if sizing.obstacle:
        return Limit.PARALLELISM
    if sizing.weights.gpu_bytes >= sizing.budget_bytes:
        return Limit.WEIGHTS
    if sizing.kv_cache_bytes < sizing.request_bytes:
        return _shortage(sizing)
    return Limit.SEQUENCES if sizing.concurrency > sizing.settings.max_num_seqs else Limit.KV_CACHE


def _shortage(sizing: Sizing) -> Limit:
    """Of what is too much: the activations where half of them would do, the weights where no cache is left."""
    if sizing.kv_cache_bytes + sizing.overhead.activation_bytes // 2 >= sizing.request_bytes:
        return Limit.ACTIVATIONS
    return Limit.WEIGHTS if sizing.kv_cache_bytes <= 0 else Limit.KV_CACHE
