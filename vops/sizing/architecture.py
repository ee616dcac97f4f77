"""What a model is made of, as far as memory goes: its layers' mixers and feed-forwards, with their dimensions.

The vocabulary between a configuration (vops.sizing.reading reads it) and the arithmetic (weights, kv_cache,
activations). Knows no file and no card.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from vops.sizing.quantization import Quantization


class Mixer(StrEnum):
    """How a layer mixes tokens, which decides what it keeps of a request."""

    FULL = "full attention"
    SLIDING = "sliding-window attention"
    CHUNKED = "chunked attention"
    LATENT = "latent attention"
    MAMBA1 = "mamba"
    MAMBA2 = "mamba2"
    DELTA = "gated delta net"
    CONVOLUTION = "short convolution"
    NONE = "none"

    @property
    def attends(self) -> bool:
        """Whether it keeps keys and values for tokens."""
        return self in (Mixer.FULL, Mixer.SLIDING, Mixer.CHUNKED, Mixer.LATENT)

    @property
    def recurrent(self) -> bool:
        """Whether it keeps a state of constant size for a request."""
        return self in (Mixer.MAMBA1, Mixer.MAMBA2, Mixer.DELTA, Mixer.CONVOLUTION)


class Feed(StrEnum):
    """A layer's feed-forward part."""

    DENSE = "dense"
    EXPERTS = "experts"
    NONE = "none"


class Attention(msgspec.Struct, frozen=True):
    """Multi-head, grouped- or multi-query attention of one layer. `qk_norm` are its weights, `sinks` one a head."""

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: int = 0
    gated: bool = False
    sinks: bool = False


class Latent(msgspec.Struct, frozen=True):
    """Multi-head latent attention (DeepSeek V2 and after); `index_*` of the sparse indexer of V3.2, 0 without."""

    heads: int
    query_rank: int
    kv_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    index_heads: int = 0
    index_dim: int = 0
    scaled: bool = False

    @property
    def cached_dim(self) -> int:
        """Elements kept for a token, in one head that every GPU holds."""
        return self.kv_rank + self.rope_dim


class Recurrence(msgspec.Struct, frozen=True):
    """A recurrent mixer's dimensions.

    Mamba 1 and 2: `inner` channels with `state` each, `heads` × `head_dim` = inner for Mamba 2. Gated delta net:
    `groups` key heads of `state`, `heads` value heads of `head_dim`. `state_bytes` is an element's size in the state.
    `chunk` is the number of tokens that a scan's kernel takes at once. `gate_rank` is that of Kimi's two low-rank
    gates, which stand in the place of Qwen's one of full rank.
    """

    inner: int
    state: int
    convolution: int
    groups: int = 1
    heads: int = 0
    head_dim: int = 0
    step_rank: int = 0
    convolution_bias: bool = True
    projection_bias: bool = False
    inner_norms: bool = False
    state_bytes: int = 0
    chunk: int = 2048
    gate_rank: int = 0


class Experts(msgspec.Struct, frozen=True):
    """A mixture of experts: `shared` is the width of the shared experts together, `latent` of a bottleneck."""

    count: int
    active: int
    width: int
    shared: int = 0
    shared_gate: bool = False
    matrices: int = 3
    bias: bool = False
    router_bias: bool = False
    correction_bias: bool = False
    latent: int = 0


class Layer(msgspec.Struct, frozen=True):
    """One decoder layer. `window` in tokens for sliding and chunked attention; `width` of a dense feed-forward.

    `attention` is its own where it differs from the model's; a layer that `borrows` reads an earlier one's keys and
    values and has none.
    """

    mixer: Mixer = Mixer.FULL
    feed: Feed = Feed.DENSE
    window: int = 0
    width: int = 0
    attention: Attention | None = None
    borrows: bool = False


class Architecture(msgspec.Struct, frozen=True):
    """A whole model. Counts are of elements unless the name says otherwise.

    `mlp_matrices` is 3 for a gated feed-forward, 2 for a plain one. `norms` is the number of norm vectors of a layer
    (its mixer's inner ones excluded), each with a bias where `norm_bias`. `positions` are the rows of a learned
    position table, `rotary_rows` those of cosines and sines. `extra` are elements beside the decoder (a vision tower,
    an audio encoder), in the model's dtype. `draft_layers` are for multi-token prediction; `draft_vocabulary` is an
    EAGLE-3 drafter's. `cross_positions` are the encoder positions an encoder-decoder's layers keep keys and values of.
    `encoder_peak` are the elements alive while the largest image becomes `encoder_tokens`. `layer_embedding` are the
    elements that every layer embeds of a token by itself, from a table of `layer_vocabulary` rows.
    """

    name: str
    model_type: str
    hidden: int
    vocabulary: int
    layers: tuple[Layer, ...]
    max_length: int
    dtype_bytes: int = 2
    attention: Attention | None = None
    latent: Latent | None = None
    recurrence: Recurrence | None = None
    experts: Experts | None = None
    tied: bool = False
    mlp_matrices: int = 3
    mlp_bias: bool = False
    norms: int = 2
    norm_bias: bool = False
    head_bias: bool = False
    positions: int = 0
    rotary_dim: int = 0
    rotary_rows: int = 0
    embedding_dim: int = 0
    extra: int = 0
    cross_positions: int = 0
    draft_layers: int = 0
    draft_vocabulary: int = 0
    multimodal: bool = False
    encoder_peak: int = 0
    encoder_tokens: int = 0
    layer_embedding: int = 0
    layer_vocabulary: int = 0
    quantization: Quantization = Quantization()

    @property
    def is_moe(self) -> bool:
        return any(layer.feed is Feed.EXPERTS for layer in self.layers)

    @property
    def is_hybrid(self) -> bool:
        """Whether recurrent layers stand beside attention."""
        return self.is_recurrent and any(layer.mixer.attends for layer in self.layers)

    @property
    def is_recurrent(self) -> bool:
        return any(layer.mixer.recurrent for layer in self.layers)

    def attention_of(self, layer: Layer) -> Attention:
        """The attention of an attending layer. Raises ValueError for a layer without."""
        found = layer.attention or self.attention
        if found is None:
            raise ValueError(f"{self.name} has no attention in a layer of {layer.mixer}")
        return found

    @property
    def widest_feed(self) -> int:
        """The widest dense feed-forward of a layer, 0 where every layer has experts."""
        return max((layer.width for layer in self.layers if layer.feed is Feed.DENSE), default=0)
