"""How much of the KV cache a token and a request take, as vLLM lays it out.

Layers that keep the same kind of thing form groups of equal length; a block is one page in every layer of a group,
and the pool hands out blocks to all groups alike. A sliding-window layer never holds more than its window and one
batch, a recurrent layer a few pages for a request whatever its length: one, or what caching prefixes needs (two and
maybe a checkpoint, or one a block). Sources: vLLM v1/kv_cache_interface.py (`MambaSpec.max_memory_usage_bytes`),
model_executor/models/config.py `MambaModelConfig`,
v1/core/kv_cache_utils.py `_get_kv_cache_groups_uniform_page_size` and `get_max_concurrency_for_kv_cache_config`,
platforms/interface.py `_align_hybrid_block_size`, model_executor/layers/mamba/mamba_utils.py.
"""

from __future__ import annotations

from collections import Counter
from math import lcm

import msgspec

from vops.sizing.architecture import Architecture, Layer, Mixer, Recurrence
from vops.sizing.parallelism import kv_heads_per_gpu, stages
from vops.sizing.settings import Resolved

DEEPSEEK_FP8_TOKEN_BYTES = 656
DELTA_CHECKPOINT_TOKENS = 64
LATENT_UNIT = 64
PADDING_RATIO = 1.5


class Spec(msgspec.Struct, frozen=True):
    """What one layer keeps: `token_bytes` for each token, or `state_bytes` for each request; `window` in tokens.

    `fixed_tokens` is the number of tokens that a request always takes (an encoder's positions). `states` are the pages
    of a request in a recurrent layer, `by_block` tells that there is one more for every block; where states are kept,
    blocks are multiples of `unit` tokens.
    """

    mixer: Mixer
    token_bytes: float = 0.0
    state_bytes: int = 0
    window: int = 0
    fixed_tokens: int = 0
    states: int = 1
    by_block: bool = False
    unit: int = 1


class Group(msgspec.Struct, frozen=True):
    """Layers of one kind that share a block table: `layers` is the group's length, padding included."""

    spec: Spec
    layers: int
    block_size: int


class Layout(msgspec.Struct, frozen=True):
    """The cache of one GPU: every block takes `block_bytes`, and a request one row of blocks from each group."""

    groups: tuple[Group, ...]
    block_bytes: int
    reports_group_tokens: bool = False

    def blocks_per_request(self, tokens: int, batched: int) -> int:
        """Blocks that one request of `tokens` holds at most, with prefill in chunks of `batched` tokens."""
        return sum(_blocks(group, tokens, batched) for group in self.groups)

    def request_bytes(self, tokens: int, batched: int) -> int:
        return self.block_bytes * self.blocks_per_request(tokens, batched)

    def blocks(self, cache_bytes: float) -> int:
        """Blocks that the pool has of `cache_bytes`."""
        return max(0, int(cache_bytes // self.block_bytes)) if self.block_bytes else 0

    def concurrency(self, cache_bytes: float, tokens: int, batched: int) -> float:
        """Requests of `tokens` that the pool holds at once, as vLLM logs it."""
        each = self.blocks_per_request(tokens, batched)
        return self.blocks(cache_bytes) / each if each else float("inf")

    def tokens(self, cache_bytes: float, max_len: int, batched: int) -> int:
        """`GPU KV cache size` as vLLM logs it."""
        if not self.groups:
            return 0
        if self.reports_group_tokens:
            return self.blocks(cache_bytes) // len(self.groups) * min(group.block_size for group in self.groups)
        return int(self.concurrency(cache_bytes, max_len, batched) * max_len)


def _blocks(group: Group, tokens: int, batched: int) -> int:
    spec, size = group.spec, group.block_size
    if spec.state_bytes:
        return spec.states + (-(-tokens // size) if spec.by_block else 0)
    if spec.fixed_tokens:
        return -(-spec.fixed_tokens // size)
    if spec.window and spec.mixer is Mixer.CHUNKED:
        return -(-min(spec.window + batched, tokens) // size)
    if spec.window:
        return -(-min(spec.window - 1 + batched, tokens) // size) + 1
    return -(-tokens // size)


def layout(
    model: Architecture,
    settings: Resolved,
    *,
    draft: Architecture | None = None,
    draft_layers: int = 0,
    hybrid_manager: bool = True,
    stage: int = 0,
) -> Layout:
    """The cache of a GPU of pipeline stage `stage`; empty for a model that keeps nothing.

    `draft` is a separate draft model, `draft_layers` are more of the model's own kind.
    """
    counts = _specs(model, settings, draft_layers, stage)
    if draft is not None:
        for layer in draft.layers:
            counts.update(_layer_specs(draft, layer, settings))
    if not hybrid_manager or settings.legacy:
        counts = _all_full(counts)
    if not counts:
        return Layout((), 0)
    reports_group = settings.dialect.reports_group_tokens
    if all(spec.token_bytes and not spec.window and not spec.fixed_tokens for spec in counts):
        per_token = sum(spec.token_bytes * count for spec, count in counts.items())
        widest = max(counts, key=lambda spec: spec.token_bytes)
        group = Group(widest, sum(counts.values()), settings.block_size)
        return Layout((group,), int(per_token * settings.block_size), reports_group)
    return _grouped(model, counts, settings, reports_group=reports_group)


def _grouped(model: Architecture, counts: Counter[Spec], settings: Resolved, *, reports_group: bool) -> Layout:
    """Different kinds: pages are made equal, then the kinds cut into groups of as many layers as the rarest has."""
    size = _block_size(counts, settings)
    attending = [spec.token_bytes for spec in counts if spec.token_bytes]
    page = max([*(bytes_ * size for bytes_ in attending), *(spec.state_bytes for spec in counts)])
    fewest, most = min(counts.values()), max(counts.values())
    length = most if most < fewest * PADDING_RATIO else fewest
    groups: list[Group] = []
    for spec, count in counts.items():
        block = int(page // spec.token_bytes) if spec.token_bytes and page % spec.token_bytes == 0 else size
        groups += [Group(spec, length, block)] * -(-count // length)
    return Layout(tuple(groups), int(page * length), reports_group)


def _block_size(counts: Counter[Spec], settings: Resolved) -> int:
    """Attention blocks grow until a page holds a recurrent layer's state, in steps the kernels take."""
    state = max((spec.state_bytes for spec in counts), default=0)
    token = min((spec.token_bytes for spec in counts if spec.token_bytes), default=0)
    if not state or not token:
        return settings.block_size
    unit = lcm(16, settings.block_size, *(spec.unit for spec in counts))
    return max(settings.block_size, int(unit * -(-state // (unit * token))))


def _all_full(counts: Counter[Spec]) -> Counter[Spec]:
    """Without the hybrid manager (and in V0) every attention layer keeps every token."""
    merged: Counter[Spec] = Counter()
    for spec, count in counts.items():
        merged[msgspec.structs.replace(spec, window=0, mixer=Mixer.FULL) if spec.window else spec] += count
    return merged


def _specs(model: Architecture, settings: Resolved, draft_layers: int, stage: int) -> Counter[Spec]:
    """How many layers of the stage keep what."""
    found: Counter[Spec] = Counter()
    for index in stages(len(model.layers), settings.parallelism.pipeline)[stage]:
        found.update(_layer_specs(model, model.layers[index], settings))
    last = next((layer for layer in reversed(model.layers) if layer.mixer.attends and not layer.borrows), None)
    if draft_layers and last is not None:
        full = msgspec.structs.replace(last, window=0, mixer=Mixer.LATENT if model.latent else Mixer.FULL)
        for spec in _layer_specs(model, full, settings):
            found[spec] += draft_layers
    return found


def _layer_specs(model: Architecture, layer: Layer, settings: Resolved) -> list[Spec]:
    if layer.borrows:
        return []
    if layer.mixer is Mixer.LATENT:
        return _latent_specs(model, settings)
    if layer.mixer.attends:
        token = _attention_token_bytes(model, layer, settings)
        found = [Spec(Mixer.FULL if not layer.window else layer.mixer, token_bytes=token, window=layer.window)]
        if model.cross_positions:
            found.append(Spec(Mixer.FULL, token_bytes=token, fixed_tokens=model.cross_positions))
        return found
    if layer.mixer.recurrent and model.recurrence is not None:
        return [_state_spec(model, layer.mixer, model.recurrence, settings)]
    return []


def _state_spec(model: Architecture, mixer: Mixer, item: Recurrence, settings: Resolved) -> Spec:
    """The state of one recurrent layer, and how many of them a request holds (vLLM's `mamba_cache_mode`)."""
    size, drafts = state_bytes(model, mixer, item, settings), settings.draft_tokens
    if not settings.prefix_caching:
        return Spec(mixer, state_bytes=size, states=1 + drafts)
    if settings.dialect.states_by_block and mixer in (Mixer.MAMBA1, Mixer.MAMBA2):
        return Spec(mixer, state_bytes=size, states=drafts, by_block=True, unit=item.chunk)
    exported = mixer in settings.dialect.checkpointing and (mixer is not Mixer.DELTA or settings.fused_delta)
    unit = DELTA_CHECKPOINT_TOKENS if exported and mixer is Mixer.DELTA else 1
    return Spec(mixer, state_bytes=size, states=2 + drafts + exported, unit=unit)


def _attention_token_bytes(model: Architecture, layer: Layer, settings: Resolved) -> float:
    attention = model.attention_of(layer)
    heads = kv_heads_per_gpu(attention.kv_heads, settings.parallelism.tensor)
    size = heads * (attention.head_dim + attention.value_dim) * settings.kv_bytes
    return size + (2 * heads * 4 if settings.kv_cache_dtype.endswith("per_token_head") else 0)


def _latent_specs(model: Architecture, settings: Resolved) -> list[Spec]:
    """One latent vector that no parallelism divides; the sparse indexer of DeepSeek V3.2 keeps its own keys."""
    latent = model.latent
    if latent is None:
        return []
    sparse_fp8 = latent.index_heads and settings.kv_cache_dtype.startswith("fp8")
    size = DEEPSEEK_FP8_TOKEN_BYTES if sparse_fp8 else latent.cached_dim * settings.kv_bytes
    found = [Spec(Mixer.LATENT, token_bytes=size, unit=LATENT_UNIT)]
    if latent.index_heads:
        found.append(Spec(Mixer.LATENT, token_bytes=latent.index_dim + latent.index_dim // 128 * 4))
    return found


def state_bytes(model: Architecture, mixer: Mixer, item: Recurrence, settings: Resolved) -> int:
    """What one recurrent layer keeps of a request on one GPU: the convolution's tail and the running state."""
    tensor, size = settings.parallelism.tensor, model.dtype_bytes
    configured = item.state_bytes and (settings.dialect.configured_states or item.gate_rank)
    running = item.state_bytes if configured else size
    tail = item.convolution - 1
    if mixer is Mixer.CONVOLUTION:
        return item.inner // tensor * tail * size
    if mixer is Mixer.MAMBA1:
        return item.inner // tensor * (tail + item.state) * size
    tail += settings.draft_tokens
    if mixer is Mixer.DELTA:
        channels = 2 * item.groups * item.state + item.inner
        state = item.heads // tensor * item.head_dim * item.state
        return channels // tensor * tail * size + state * running
    groups = item.groups if item.groups % tensor == 0 else tensor
    channels = item.inner + 2 * groups * item.state
    return (channels // tensor * tail) * size + item.inner // tensor * item.state * running
