"""What the names of a model and of a card tell of whether it fits."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cluster_parts import node, pod, the_replica, world
from vops.diagnosis.memory.model_size import enough_gpus, fits


@pytest.mark.parametrize(
    ("model", "gpus", "expected"),
    [
        ("Qwen/Qwen3-8B", 1, True),
        ("Qwen/Qwen3-14B", 1, False),
        ("Qwen/Qwen3-14B", 2, True),
        ("casperhansen/llama-3-70b-instruct-awq", 1, False),
        ("casperhansen/llama-3-70b-instruct-awq", 2, True),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 4, False),
        ("RedHatAI/Qwen3-14B-FP8", 1, True),
        ("/models/mine", 8, False),
    ],
)
def test_weights_are_guessed_from_the_name(model: str, gpus: int, expected: bool) -> None:
    card = node(labels={"nvidia.com/gpu.memory": "23034"})
    facts = world(pod(container={"command": ["vllm", "serve", model]}), card)
    assert fits(the_replica(facts), gpus) is expected


def test_without_the_cards_memory_nothing_is_known_to_fit() -> None:
    facts = world(pod(container={"command": ["vllm", "serve", "Qwen/Qwen3-0.6B"]}), node())
    assert not fits(the_replica(facts), 8)


@pytest.mark.parametrize(
    ("model", "each_gib", "expected"),
    [("meta-llama/Llama-3.3-70B-Instruct", 79.2, 4), ("Qwen/Qwen3-8B", 79.2, 2), ("/models/mine", 22.0, 2)],
)
def test_so_many_gpus_hold_the_weights(model: str, each_gib: float, expected: int) -> None:
    facts = world(pod(container={"command": ["vllm", "serve", model]}), node())
    assert enough_gpus(the_replica(facts), 2, each_gib) == expected
