"""Claims with who mounts them, and the models that servers read from them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.tui import builders
from tests.tui.conftest import app_on, painted, screen_text, until
from vops.diagnosis.facts import Facts
from vops.errors import Forbidden
from vops.model.objects import Meta
from vops.model.pods import Volume
from vops.model.snapshot import ClusterSnapshot
from vops.model.storage import ClaimSpec, ClaimStatus, PersistentVolume, PersistentVolumeClaim, VolumeSpec
from vops.operations.storage import Held
from vops.render.storage_table import CLAIM_COLUMNS, claim_line, claim_rows
from vops.render.text import plain
from vops.tui.screens.replica import ReplicaScreen
from vops.tui.screens.runbooks import RunbooksScreen
from vops.tui.screens.storage import StorageScreen

COMMIT = "0123456789abcdef0123456789abcdef01234567"
AFFINITY = {
    "required": {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-1b"]}]}
        ]
    }
}


def held(name: str = "models", phase: str = "Bound") -> Held:
    status = ClaimStatus(phase, ("ReadWriteMany",), {"storage": "100Gi"} if phase == "Bound" else {})
    claim = PersistentVolumeClaim(metadata=Meta(name=name, namespace="prod", uid=name), spec=ClaimSpec(), status=status)
    return claim, PersistentVolume(metadata=Meta(name="pv"), spec=VolumeSpec(node_affinity=AFFINITY))


def mounting() -> ClusterSnapshot:
    """The first pod serves a seeded model from the claim `models`."""
    known = builders.fleet_snapshot()
    first = known.pods[0]
    container = msgspec.structs.replace(first.spec.containers[0], args=("--model", f"/models/Qwen--Qwen3-8B/{COMMIT}"))
    volume = msgspec.convert({"name": "m", "persistentVolumeClaim": {"claimName": "models"}}, Volume)
    spec = msgspec.structs.replace(first.spec, containers=(container,), volumes=(volume,))
    return builders.with_pods(known, (msgspec.structs.replace(first, spec=spec), *known.pods[1:]))


def test_a_claim_says_its_size_zone_and_the_seeded_model_that_is_served_from_it() -> None:
    row = claim_rows([held()], Facts(mounting()))[0]
    cells = {column.key: column.cell(row).text for column in CLAIM_COLUMNS}
    assert (cells["phase"], cells["size"], cells["modes"], cells["zone"]) == ("● bound", "100 GiB", "RWX", "eu-1b")
    assert cells["models"] == f"Qwen/Qwen3-8B@{COMMIT[:7]}"
    assert "mounted by qwen3-8b-6f9c4-k2x8p" in plain([claim_line(row)])


def test_a_claim_without_a_volume_has_no_size_and_nobody_mounts_it() -> None:
    row = claim_rows([held("new", "Pending")], Facts(mounting()))[0]
    cells = {column.key: column.cell(row).text for column in CLAIM_COLUMNS}
    assert (cells["phase"], cells["size"], cells["pods"]) == ("▲ pending", "–", "0")
    assert "mounted by no pod" in plain([claim_line(row)])


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    looked: list[str] = []

    async def claims_of(_: Any, namespace: str) -> list[Held]:
        looked.append(namespace)
        return [held(), held("new", "Pending")]

    monkeypatch.setattr("vops.tui.screens.storage.claims_of", claims_of)
    return looked


@pytest.mark.usefixtures("looking")
async def test_every_key_of_the_storage_screen(listed: list[str]) -> None:
    app = app_on(mounting())
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"storage", "enter")
        await until(pilot, lambda: isinstance(app.screen, StorageScreen) and len(app.screen.table.rows) == 2)
        screen = app.screen
        await pilot.press("r")
        await until(pilot, lambda: len(listed) == 2)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("end", "enter")
        assert any("no replica mounts it" in note.message for note in app._notifications)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunbooksScreen))


async def test_claims_that_may_not_be_listed_are_not_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def claims_of(*_: Any) -> list[Held]:
        raise Forbidden("persistentvolumeclaims may not be listed", status=403)

    monkeypatch.setattr("vops.tui.screens.storage.claims_of", claims_of)
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("storage")
        await until(pilot, lambda: "persistentvolumeclaims may not be listed" in screen_text(app))
