"""The core of a message in a title, and below it a question that says nothing of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operations.test_kubernetes_words import first_causes

WORDS = Path(__file__).parents[2] / "data" / "words-titles.txt"
TITLES = [line.split("\t") for line in WORDS.read_text().splitlines() if not line.startswith("#")]
QUESTION = "# {}\n\nHow do I solve this? I use the helm chart on a managed cluster.\n"
EVERYDAY = (
    "Our certificate expires next week: x509: certificate signed by our own authority is what clients will see.",
    "We run vLLM on three GPU nodes behind a Service, and all pods are Ready.",
    "The new StorageClass is there, all claims are Bound, and AttachVolume.Attach succeeded for each volume.",
    "Karpenter launched two g5.12xlarge nodes, and the pods were scheduled on them within four minutes.",
)


@pytest.mark.parametrize(("truth", "title"), TITLES)
def test_the_core_of_a_message_is_read_in_a_title(truth: str, title: str) -> None:
    right = set(truth.split("|"))
    assert [set(first_causes(text)[:1]) <= right for text in (f"{title}\n", QUESTION.format(title))] == [True] * 2
    assert first_causes(f"{title}\n")


@pytest.mark.parametrize("text", EVERYDAY)
def test_what_goes_well_is_no_finding(text: str) -> None:
    assert first_causes(f"{text}\n") == []
