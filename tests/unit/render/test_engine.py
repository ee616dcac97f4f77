"""How a server was started, and what sizing says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.diagnosis.cluster_parts import node, ready, samples, the_replica, world
from vops.operations.size import Source, Wanted, answer, card_called
from vops.operations.size_replica import asked_of
from vops.render.engine import engine_lines
from vops.render.text import Span, line, plain
from vops.sizing.answer import Answer
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.settings import Asked

CONFIG = """{"architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 128256,
"num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "max_position_embeddings": 8192,
"torch_dtype": "bfloat16"}"""


def told(args: list[str], *others: Any, image: str = "vllm/vllm-openai:v0.25.1", **more: Any) -> str:
    container = {"args": args, "image": image, "env": [{"name": "VLLM_PORT", "value": "8000"}]}
    return plain(engine_lines(the_replica(world(ready(container=container), node(), *others)), **more))


def answered(state: Path) -> Answer:
    source = Source("m/llama", ModelConfig.parse(CONFIG, "config.json"))
    return answer(Wanted(source, card_called("L4"), Asked(version=(0, 25, 1))), state)


def test_each_flag_is_told_with_its_value_and_what_it_means() -> None:
    text = told(["--max-model-len", "8192", "--enforce-eager"])
    assert "vLLM 0.25.1" in text
    assert "--max-model-len               8192  The longest prompt" in text
    assert "--enforce-eager               set  No CUDA graphs" in text
    assert "VLLM_PORT                     8000  environment" in text
    assert "0.92  its version's default: pin it" in text


def test_a_flag_that_the_version_no_longer_takes_is_marked() -> None:
    assert "▲ this version does not take it" in told(["--swap-space", "4"])
    assert "▲ this version does not take it" not in told(["--swap-space", "4"], image="vllm/vllm-openai:v0.8.5")


def test_keys_are_never_shown() -> None:
    text = told(["--api-key", "sk-verysecretkey1234567890"])
    assert "verysecret" not in text
    assert "(secret)" in text


def test_what_the_server_reports_stands_beside_the_prediction(tmp_path: Path) -> None:
    found = answered(tmp_path)
    near, far = found.sizing.kv_tokens, found.sizing.kv_tokens // 2
    assert "as sizing says" in told([], samples(kv_tokens=near), sized=found)
    assert "+100%" in told([], samples(kv_tokens=far), sized=found)
    assert "not reported by the server" in told([], sized=found)


def test_without_a_sizing_the_reason_stands_there() -> None:
    text = told([], remark=line(Span("not sized: it has no node yet")))
    assert "not sized: it has no node yet" in text


def test_a_command_line_is_asked_as_it_was_given() -> None:
    args = [
        "--tensor-parallel-size",
        "2",
        "--max-num-seqs",
        "64",
        "--no-enable-prefix-caching",
        "--kv-cache-dtype",
        "fp8",
    ]
    asked = asked_of(the_replica(world(ready(container={"args": args}), node())).args)
    assert (asked.parallelism.tensor, asked.max_num_seqs, asked.prefix_caching) == (2, 64, False)
    assert (asked.kv_cache_dtype, asked.version, asked.max_model_len) == ("fp8", (0, 25, 1), None)
