"""Tokens and requests as vLLM lays its cache out, for each kind of layer."""

from typing import Any

import pytest

from tests.unit.sizing.models import model, sized
from vops.sizing.architecture import Mixer
from vops.sizing.parallelism import Parallelism
from vops.sizing.settings import Speculation

KIB = 1024


@pytest.mark.parametrize(
    ("name", "tp", "asked", "bytes_per_token"),
    [
        ("llama3-8b", 1, {}, 128 * KIB),
        ("llama3-8b", 1, {"kv_cache_dtype": "fp8"}, 64 * KIB),
        ("llama3-70b", 1, {}, 320 * KIB),
        ("llama3-70b", 4, {}, 80 * KIB),
        ("llama3-70b", 16, {}, 40 * KIB),
        ("qwen3-30b-a3b", 1, {}, 96 * KIB),
        ("mixtral-8x7b", 1, {}, 128 * KIB),
        ("deepseek-v2-lite", 1, {}, 27 * 576 * 2),
        ("deepseek-v2-lite", 4, {}, 27 * 576 * 2),
        ("deepseek-v3", 8, {"kv_cache_dtype": "fp8"}, 61 * 576),
        ("falcon-7b", 1, {}, 32 * 2 * 64 * 2),
    ],
)
def test_a_token_takes_its_keys_and_values(name: str, tp: int, asked: dict[str, Any], bytes_per_token: int) -> None:
    found = sized(name, "B200", tp=tp, max_model_len=8192, **asked)
    assert found.kv_bytes_per_token == bytes_per_token


def test_the_sparse_latent_cache_of_deepseek_v32_has_its_own_layout() -> None:
    sparse = model("deepseek-v3", model_type="deepseek_v32", index_n_heads=64, index_head_dim=128)
    found = sized(sparse, "H200", tp=8, kv_cache_dtype="fp8", max_model_len=8192)
    assert found.kv_bytes_per_token == 61 * (656 + 132)


def test_a_sliding_window_never_holds_more_than_its_window_and_a_batch() -> None:
    found = sized("gpt-oss-20b", max_model_len=131072, max_num_batched_tokens=8192)
    window_blocks = -(-(128 - 1 + 8192) // 16) + 1
    assert found.cache.blocks_per_request(131072, 8192) == 131072 // 16 + window_blocks
    assert [group.layers for group in found.cache.groups] == [12, 12]


def test_without_the_hybrid_manager_every_layer_keeps_every_token() -> None:
    kept = sized("gpt-oss-20b", max_model_len=131072, hybrid_manager=False)
    assert kept.kv_bytes_per_token == 24 * 2 * 8 * 64 * 2
    assert kept.kv_tokens < sized("gpt-oss-20b", max_model_len=131072).kv_tokens


@pytest.mark.parametrize(
    ("name", "asked", "block"),
    [
        ("granite-4.0-h-tiny", {}, 400),
        ("granite-4.0-h-tiny", {"kv_cache_dtype": "fp8"}, 800),
        ("nemotron-nano-9b-v2", {"version": (0, 10, 2)}, 672),
        ("nemotron-nano-9b-v2", {}, 1312),
    ],
)
def test_attention_blocks_grow_until_a_page_holds_a_recurrent_state(
    name: str, asked: dict[str, Any], block: int
) -> None:
    """The first and third are what vLLM logged: `Setting attention block size to 400 tokens`, 672 tokens."""
    attention = next(group for group in sized(name, **asked).cache.groups if group.spec.mixer is Mixer.FULL)
    assert attention.block_size == block


def test_every_group_of_recurrent_layers_takes_one_block_of_a_request() -> None:
    found = sized("granite-4.0-h-tiny")
    assert len(found.cache.groups) == 10
    assert found.cache.blocks_per_request(131072, 8192) == -(-131072 // 400) + 9


def test_a_recurrent_model_keeps_the_same_for_every_length() -> None:
    found = sized("falcon-mamba-7b", max_model_len=4096)
    assert found.request_bytes == sized("falcon-mamba-7b", max_model_len=65536).request_bytes


def test_a_hybrid_with_experts_counts_both_kinds_of_layer() -> None:
    found = sized("jamba-v0.1", "H100-NVL", tp=2, max_model_len=8192)
    kinds = {group.spec.mixer for group in found.cache.groups}
    assert kinds == {Mixer.FULL, Mixer.MAMBA1}
    assert all(group.layers == 4 for group in found.cache.groups)


def test_an_encoder_decoder_keeps_its_encoder_positions_for_every_request() -> None:
    found = sized("whisper-large-v3", "L4", max_model_len=448)
    assert found.cache.blocks_per_request(448, 2048) == 448 // 16 + -(-1500 // 16)


def test_older_releases_count_tokens_per_group() -> None:
    old = sized("gpt-oss-20b", version=(0, 12, 0), max_model_len=131072)
    assert old.kv_tokens == old.cache.blocks(old.kv_cache_bytes) // 2 * 16


def test_draft_layers_take_their_share_of_the_cache() -> None:
    draft = Speculation(method="mtp", tokens=1)
    plain = sized("deepseek-v3", "H200", tp=8, max_model_len=8192)
    drafting = sized("deepseek-v3", "H200", tp=8, max_model_len=8192, speculation=draft)
    assert drafting.kv_bytes_per_token == plain.kv_bytes_per_token / 61 * 62
    assert drafting.weights.gpu_bytes > plain.weights.gpu_bytes


def test_a_separate_draft_model_keeps_its_own_keys_and_shares_eagles_embeddings() -> None:
    layer = model("llama3-8b", num_hidden_layers=1, draft_vocab_size=32000)
    plain = sized("llama3-8b")
    eagle = sized("llama3-8b", speculation=Speculation("eagle3", 3, layer))
    whole = sized("llama3-8b", speculation=Speculation("draft_model", 3, model("qwen3-0.6b")))
    assert eagle.kv_bytes_per_token == plain.kv_bytes_per_token / 32 * 33
    assert eagle.weights.gpu_bytes - plain.weights.gpu_bytes == pytest.approx(0.8e9, rel=0.1)
    assert whole.kv_bytes_per_token == plain.kv_bytes_per_token + 28 * 2 * 8 * 128 * 2


QWEN35 = {
    "model_type": "qwen3_5_text",
    "architectures": ["Qwen3_5ForConditionalGeneration"],
    "num_hidden_layers": 32,
    "full_attention_interval": 4,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
    "mamba_ssm_dtype": "float32",
    "max_position_embeddings": 262144,
    "vocab_size": 248320,
}


@pytest.mark.parametrize(
    ("version", "cache_gib", "length", "tokens", "concurrency"),
    [((0, 19, 0), 20.27, 262144, 165_792, 2.52), ((0, 22, 0), 11.11, 1024, 141_107, 137.80)],
)
def test_published_starts_of_a_hybrid_with_delta_nets_are_met(
    version: tuple[int, int, int], cache_gib: float, length: int, tokens: int, concurrency: float
) -> None:
    """Qwen3.5 9B and 4B on an L40S; vLLM logged blocks of 528 tokens for both."""
    found = sized(model("llama3-8b", **QWEN35), "L40S", version=version, max_model_len=length)
    cache = int(cache_gib * 2**30)
    batched = found.settings.max_num_batched_tokens
    assert next(group.block_size for group in found.cache.groups if group.spec.token_bytes) == 528
    assert found.cache.tokens(cache, length, batched) == pytest.approx(tokens, rel=0.001)
    assert found.cache.concurrency(cache, length, batched) == pytest.approx(concurrency, rel=0.004)


QWEN36_27B: dict[str, Any] = QWEN35 | {
    "hidden_size": 5120,
    "num_hidden_layers": 64,
    "num_attention_heads": 24,
    "linear_num_value_heads": 48,
    "intermediate_size": 17408,
}
QWEN35_35B: dict[str, Any] = QWEN35 | {
    "model_type": "qwen3_5_moe_text",
    "hidden_size": 2048,
    "num_hidden_layers": 40,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "num_experts": 256,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
}


@pytest.mark.parametrize(
    ("config", "version", "asked", "cache_gib", "length", "block", "tokens", "concurrency"),
    [
        (QWEN36_27B, (0, 27, 1), {"prefix_caching": False}, 51.7, 32768, 784, 786_432, 24.00),
        (QWEN35_35B, (0, 18, 1), {"prefix_caching": True}, 55.72, 262144, 1056, 729_696, 10.85),
        (QWEN35_35B, (0, 17, 0), {"prefix_caching": True, "kv_cache_dtype": "fp8"}, 6.08, 65536, 2096, 159_296, 8.00),
        (QWEN35_35B, (0, 24, 0), {"prefix_caching": True, "kv_cache_dtype": "fp8"}, 5.98, 131072, 2096, 567_978, 4.33),
        (QWEN35_35B, (0, 24, 0), {"prefix_caching": True, "kv_cache_dtype": "fp8"}, 6.01, 131072, 2096, 569_878, 4.35),
    ],
)
def test_hybrids_keep_more_states_where_prefixes_are_cached(
    config: dict[str, Any],
    version: Any,
    asked: dict[str, Any],
    cache_gib: float,
    length: int,
    block: int,
    tokens: int,
    concurrency: float,
) -> None:
    """Published logs, with and without --enable-prefix-caching and with an fp8 cache."""
    found = sized(model("llama3-8b", **config), "GB10", version=version, max_model_len=length, **asked)
    cache, batched = int(cache_gib * 2**30), found.settings.max_num_batched_tokens
    assert next(group.block_size for group in found.cache.groups if group.spec.token_bytes) == block
    assert found.cache.tokens(cache, length, batched) == tokens
    assert found.cache.concurrency(cache, length, batched) == pytest.approx(concurrency, abs=0.006)


@pytest.mark.parametrize(
    ("of", "version", "states"),
    [
        ("granite-4.0-h-tiny", (0, 25, 1), 1),
        ("granite-4.0-h-tiny", (0, 28, 0), 2),
        ("granite-4.0-h-tiny", (0, 33, 0), 3),
        ("qwen3-next-80b", (0, 25, 1), 1),
        ("qwen3-next-80b", (0, 26, 0), 2),
        ("qwen3-next-80b", (0, 33, 0), 3),
        ("lfm2-1.2b", (0, 33, 0), 2),
    ],
)
def test_a_release_that_caches_prefixes_of_hybrids_keeps_more_states(of: str, version: Any, states: int) -> None:
    found = sized(of, "H200", version=version, max_model_len=8192)
    kept = [group.spec for group in found.cache.groups if group.spec.state_bytes]
    assert {(spec.states, spec.by_block) for spec in kept} == {(states, False)}


def test_mamba_kept_a_state_for_every_block_before_it_was_aligned() -> None:
    found = sized("granite-4.0-h-tiny", version=(0, 26, 0), max_model_len=131072)
    sizes = {group.block_size for group in found.cache.groups}
    assert {group.spec.by_block for group in found.cache.groups if group.spec.state_bytes} == {True}
    assert all(size % 256 == 0 for size in sizes)


def test_a_models_own_draft_layer_has_a_group_beside_the_states_of_drafted_tokens() -> None:
    """noonghunna/club-3090 pull request 594: Qwen3.6-27B-FP8 on two RTX 3090, three drafted tokens, an fp8 cache."""
    found = sized(
        model("llama3-8b", **QWEN36_27B, mtp_num_hidden_layers=1),
        "RTX-3090",
        tp=2,
        version=(0, 24, 0),
        max_model_len=262144,
        kv_cache_dtype="fp8",
        prefix_caching=True,
        max_num_batched_tokens=8192,
        speculation=Speculation("mtp", 3),
    )
    cache = int(5.33 * 2**30)
    assert found.cache.tokens(cache, 262144, 8192) == 300_220
    assert found.cache.concurrency(cache, 262144, 8192) == pytest.approx(1.15, abs=0.006)


def test_drafted_tokens_take_states_and_a_longer_tail() -> None:
    plain = sized("qwen3-next-80b", "H200", max_model_len=8192)
    drafted = sized("qwen3-next-80b", "H200", max_model_len=8192, speculation=Speculation("ngram", 3))
    states = [next(group.spec for group in item.cache.groups if group.spec.state_bytes) for item in (plain, drafted)]
    assert [spec.states for spec in states] == [1, 4]
    assert states[1].state_bytes > states[0].state_bytes


def test_a_pipeline_has_as_many_blocks_as_its_fullest_stage() -> None:
    """Only the last stage samples, so the other holds more."""
    whole = sized("deepseek-v2-lite", "L4", version=(0, 9, 2), max_model_len=1024, tp=2)
    split = sized("deepseek-v2-lite", "L4", version=(0, 9, 2), max_model_len=1024, parallelism=Parallelism(2, 2))
    assert split.overhead.activation_bytes < whole.overhead.activation_bytes
    assert [group.layers for group in split.cache.groups] == [14]
