"""What the names of a model and of a card tell of whether it fits."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cluster_parts import node, pod, the_replica, world
from vops.diagnosis.model_size import fits


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
