"""Masking: what counts as a secret in plain sight, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from vops.model.secrets import MASK, holds_secret, mask, secret_indices

TOKEN = "hf_" + "a1B2" * 8


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"name": "HF_TOKEN", "value": "x"}, {"name": "HF_TOKEN", "value": MASK}),
        ({"name": "VLLM_API_KEY", "value": "x"}, {"name": "VLLM_API_KEY", "value": MASK}),
        ({"name": "ANY", "value": TOKEN}, {"name": "ANY", "value": MASK}),
        (["--api-key", "x", "--port", "1"], ["--api-key", MASK, "--port", "1"]),
        (["--api-key=x"], [f"--api-key={MASK}"]),
        (["--ssl-keyfile-password", "x"], ["--ssl-keyfile-password", MASK]),
        ("vllm serve m --api-key x --port 1", f"vllm serve m --api-key {MASK} --port 1"),
        (f"curl -H 'Authorization: Bearer {TOKEN}'", f"curl -H 'Authorization: {MASK}'"),
    ],
)
def test_secrets_in_plain_sight_are_masked(value: Any, masked: Any) -> None:
    assert mask(value) == masked
    assert holds_secret(value)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}},
        {"name": "MAX_TOKENS", "value": "8192"},
        ["--max-num-batched-tokens", "8192", "--tokenizer", "a/b", "--ssl-keyfile", "/k.pem"],
        "vllm serve m --tokenizer a/b",
        {"name": "HF_TOKEN", "value": ""},
    ],
)
def test_references_and_look_alikes_stay(value: Any) -> None:
    assert mask(value) == value
    assert not holds_secret(value)


def test_the_places_of_secret_words_are_found() -> None:
    assert secret_indices(["serve", "--api-key", "x", "--port", "1"]) == {2}
