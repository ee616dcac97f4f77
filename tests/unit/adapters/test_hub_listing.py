"""Listings of the Hub, by the real client, from the stand-in: what is there, at which commit, and who may have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub import COMMIT, StandInHub, stand_in_hub
from vops.adapters.hub import HuggingFaceHub
from vops.errors import Forbidden, NotFound, Unauthorized, Unavailable
from vops.model.hub import NOT_SERVED, SERVED, manifest

MODEL = "owner/small"


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with stand_in_hub() as started:
        started.add_model(MODEL)
        yield started


def client(hub: StandInHub) -> HuggingFaceHub:
    return HuggingFaceHub(5, hub.url)


async def test_a_listing_pins_the_revision_and_has_sizes_and_hashes(hub: StandInHub) -> None:
    found = await client(hub).listing(MODEL)
    assert (found.revision, found.commit, found.gated, found.access) == ("main", COMMIT, False, "ok")
    weights = next(item for item in found.files if item.name == "model-00001-of-00003.safetensors")
    assert weights.size == len(hub.files[f"{MODEL}/{weights.name}"])
    assert len(weights.sha256) == 64
    assert next(item for item in found.files if item.name == "config.json").sha256 == ""


async def test_what_a_server_needs_is_selected_and_named_by_its_digest(hub: StandInHub) -> None:
    found = await client(hub).listing(MODEL)
    files = found.selected(SERVED, NOT_SERVED)
    assert {item.name for item in found.files} - {item.name for item in files} == {
        "README.md",
        "original/consolidated.pth",
    }
    made = manifest(found, files)
    assert made == manifest(found, tuple(reversed(files)))
    assert made["digest"] != manifest(found, files[:-1])["digest"]


async def test_a_gated_model_is_listed_and_says_that_the_asker_may_not_have_it(hub: StandInHub) -> None:
    hub.granted[MODEL] = {"hf_granted"}
    found = await client(hub).listing(MODEL)
    assert (found.gated, found.access) == (True, "gated")


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ((401, "", {}), Unauthorized),
        ((403, "", {}), Forbidden),
        ((404, "RepoNotFound", {}), NotFound),
        ((429, "", {"Retry-After": "7"}), Unavailable),
        ((503, "", {}), Unavailable),
    ],
)
async def test_refusals_are_told_apart(
    hub: StandInHub, refusal: tuple[int, str, dict[str, str]], error: type[Exception]
) -> None:
    hub.refusal = refusal
    with pytest.raises(error):
        await client(hub).listing(MODEL)


async def test_a_revision_that_is_not_there_is_said(hub: StandInHub) -> None:
    with pytest.raises(NotFound, match="no such revision"):
        await client(hub).listing(MODEL, "v9")


async def test_something_that_is_no_hub_is_said() -> None:
    with stand_in_hub() as hub:
        hub.refusal = (200, "", {})
        with pytest.raises(Unavailable, match="not what a Hub says"):
            await client(hub).listing(MODEL)
