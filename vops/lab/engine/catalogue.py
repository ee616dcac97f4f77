"""The models that the lab's hub holds, as their config.json and safetensors headers describe them."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ModelFacts:
    """One repository. `kv_bytes` is the KV cache of one token, in 16 bits and over all GPUs."""

    repository: str
    architecture: str
    weights_gib: float
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    positions: int
    billions: float
    gated: bool = False
    quantization: str = ""
    shards: int = 4

    @property
    def kv_bytes(self) -> int:
        return 2 * self.layers * self.kv_heads * self.head_size * 2


_LLAMA3 = ModelFacts(
    "meta-llama/Meta-Llama-3-8B-Instruct",
    "LlamaForCausalLM",
    weights_gib=14.96,
    layers=32,
    heads=32,
    kv_heads=8,
    head_size=128,
    positions=8192,
    billions=8.03,
    gated=True,
)
_QWEN3 = ModelFacts(
    "Qwen/Qwen3-8B",
    "Qwen3ForCausalLM",
    weights_gib=15.27,
    layers=36,
    heads=32,
    kv_heads=8,
    head_size=128,
    positions=40_960,
    billions=8.19,
    shards=5,
)


def _qwen3(size: str, weights_gib: float, layers: int, heads: int, billions: float, shards: int) -> ModelFacts:
    return replace(
        _QWEN3,
        repository=f"Qwen/Qwen3-{size}",
        weights_gib=weights_gib,
        layers=layers,
        heads=heads,
        billions=billions,
        shards=shards,
    )


_MODELS = (
    _LLAMA3,
    replace(_LLAMA3, repository="NousResearch/Meta-Llama-3-8B-Instruct", gated=False),
    replace(_LLAMA3, repository="meta-llama/Llama-3.1-8B-Instruct", weights_gib=14.99, positions=131_072),
    replace(
        _LLAMA3,
        repository="casperhansen/llama-3-70b-instruct-awq",
        weights_gib=37.08,
        layers=80,
        heads=64,
        billions=70.6,
        gated=False,
        quantization="awq_marlin",
        shards=9,
    ),
    _QWEN3,
    _qwen3("0.6B", 1.12, 28, 16, 0.6, 1),
    _qwen3("4B", 7.55, 36, 32, 4.02, 3),
    _qwen3("14B", 27.52, 40, 40, 14.8, 8),
    _qwen3("32B", 61.03, 64, 64, 32.8, 17),
)
CATALOGUE: dict[str, ModelFacts] = {model.repository: model for model in _MODELS}
