"""The seeder where the Hub offers Xet: with hf_xet in the image and without, and whatever goes wrong with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import StandInHub, Xet, stand_in_hub
from tests.seeding import MODEL, SEEDER, Seeding, events
from tests.unit.seeder.test_seeder import whole

TOKEN_ROUTE = "/xet-read-token/"
STORAGE = "/cas/"
WITHOUT_XET = """import importlib.metadata, sys
sys.modules["hf_xet"] = None
known = importlib.metadata.version
def version(name):
    if name.replace("-", "_") == "hf_xet":
        raise importlib.metadata.PackageNotFoundError(name)
    return known(name)
importlib.metadata.version = version
"""
"""What makes an interpreter that starts beside it one without hf_xet."""


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with stand_in_hub() as started:
        started.add_model(MODEL)
        yield started


def asked(hub: StandInHub, part: str) -> bool:
    return any(part in path for path in hub.requests)


def image_without_xet(folder: Path) -> Path:
    """The program where its interpreter has no hf_xet."""
    shutil.copytree(SEEDER.parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "sitecustomize.py").write_text(WITHOUT_XET)
    return folder / SEEDER.name


@pytest.mark.parametrize("xet", ["no-route", "down", "hung"])
def test_an_image_without_hf_xet_fetches_by_plain_http_at_once(tmp_path: Path, hub: StandInHub, xet: Xet) -> None:
    hub.xet = xet
    seeding = Seeding(tmp_path, hub, program=image_without_xet(tmp_path / "image"))
    code, lines = seeding.run()
    assert (code, whole(seeding), events(lines, "again")) == (0, True, [])
    assert not asked(hub, TOKEN_ROUTE)


@pytest.mark.parametrize(("xet", "reaches"), [("no-route", TOKEN_ROUTE), ("down", STORAGE), ("hung", STORAGE)])
def test_where_xet_does_not_work_the_second_try_does_without_it(
    tmp_path: Path, hub: StandInHub, xet: Xet, reaches: str
) -> None:
    hub.xet = xet
    seeding = Seeding(tmp_path, hub)
    code, lines = seeding.run(VOPS_STALL_S="5")
    (again,) = events(lines, "again")
    assert asked(hub, reaches), "hf_xet is what failed"
    assert (code, whole(seeding), again["without_xet"]) == (0, True, True)
    assert not hub.leaked


def test_a_pod_after_one_that_failed_does_without_xet_from_the_start(tmp_path: Path, hub: StandInHub) -> None:
    hub.xet = "down"
    seeding = Seeding(tmp_path, hub)
    code, _ = seeding.run(VOPS_STALL_S="3", VOPS_TRIES="1")
    assert code != 0
    hub.requests.clear()
    code, lines = seeding.run()
    assert (code, whole(seeding), events(lines, "again")) == (0, True, [])
    assert not asked(hub, TOKEN_ROUTE)
