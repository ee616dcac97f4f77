"""Claims are listed with their volumes, and without them where volumes may not be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import session_on
from vops.errors import Forbidden
from vops.model.storage import VOLUMES
from vops.operations.storage import claims_of


async def test_a_claim_comes_with_the_volume_it_is_bound_to(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("rollout-volume-conflict")
    async with session_on(lab, tmp_path) as session:
        ((claim, volume),) = await claims_of(session)
    assert (claim.metadata.name, claim.status.phase) == ("llama3-cache", "Bound")
    assert volume is not None
    assert volume.metadata.name == claim.spec.volume_name


async def test_volumes_that_may_not_be_read_do_not_hide_the_claims(
    start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = await start_lab("rollout-volume-conflict")
    async with session_on(lab, tmp_path) as session:
        listing = session.cluster.list

        async def refuse(kind: Any, *args: Any, **given: Any) -> Any:
            if kind is VOLUMES:
                raise Forbidden("persistentvolumes may not be listed", status=403)
            return await listing(kind, *args, **given)

        monkeypatch.setattr(session.cluster, "list", refuse)
        ((claim, volume),) = await claims_of(session)
    assert (claim.metadata.name, volume) == ("llama3-cache", None)
