"""What clouds answer when they are asked for a GPU node, as people paste it: alone, in prose, in a fence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operations.test_kubernetes_words import first_causes

CLOUDS = Path(__file__).parents[2] / "data" / "words-clouds.txt"
ANSWERS = [line.split("\t") for line in CLOUDS.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("cause", "text"), ANSWERS)
def test_the_answer_of_a_cloud_is_read_wherever_it_stands(cause: str, text: str) -> None:
    prose = f"We try to add a node pool with GPUs. The console shows:\n\n{text}\n\nAny idea?\n"
    assert [first_causes(form)[:1] for form in (f"{text}\n", prose, f"```\n{text}\n```\n")] == [[cause]] * 3
