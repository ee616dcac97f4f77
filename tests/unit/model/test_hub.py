"""What a model's files come to: which are served, what names them, and where a seeder puts them."""

from __future__ import annotations

import pytest

from vops.model.hub import NOT_SERVED, SERVED, HubFile, HubListing, SeededModel, manifest, seeded_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMES = (
    "README.md",
    "config.json",
    "consolidated.safetensors",
    "chat_template.jinja",
    "merges.txt",
    "model-00001-of-00002.safetensors",
    "model.safetensors.index.json",
    "modeling_x.py",
    "original/consolidated.00.pth",
    "original/params.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "spiece.model",
    "tokenizer.json",
)
LISTING = HubListing("owner/m", "main", COMMIT, tuple(HubFile(name, 1) for name in NAMES))


def test_what_vllm_reads_is_taken_and_nothing_twice() -> None:
    taken = [item.name for item in LISTING.selected(SERVED, NOT_SERVED)]
    assert taken == [
        "config.json",
        "chat_template.jinja",
        "merges.txt",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "modeling_x.py",
        "spiece.model",
        "tokenizer.json",
    ]


def test_a_manifests_digest_is_of_its_files_whatever_their_order() -> None:
    files = LISTING.files[:3]
    assert manifest(LISTING, files) == manifest(LISTING, files[::-1])
    assert manifest(LISTING, files)["digest"] != manifest(LISTING, files[:2])["digest"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"/models/Qwen--Qwen3-8B/{COMMIT}", SeededModel("Qwen/Qwen3-8B", COMMIT, "/models")),
        (f"/mnt/a/b--c--d/{COMMIT}/", SeededModel("b/c--d", COMMIT, "/mnt/a")),
        ("/models/Qwen--Qwen3-8B", None),
        (f"Qwen--Qwen3-8B/{COMMIT}", None),
        ("Qwen/Qwen3-8B", None),
    ],
)
def test_a_seeded_folder_says_what_it_holds(path: str, found: SeededModel | None) -> None:
    assert seeded_model(path) == found
