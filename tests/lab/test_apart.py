"""A lab in a thread of its own answers like any other, and is gone when it is stopped."""

from __future__ import annotations

import threading

import pytest

from vops.errors import UsageError
from vops.lab.apart import LabApart
from vops.model.resources import PODS
from vops.operations.session import open_session
from vops.settings import Settings


async def test_a_lab_apart_is_looked_at_from_another_loop_and_leaves_no_thread() -> None:
    async with open_session(Settings(lab="healthy"), lab_apart=True) as session:
        assert "lab" in {thread.name for thread in threading.enumerate()}
        assert len((await session.cluster.list(PODS)).items) >= 8
    assert "lab" not in {thread.name for thread in threading.enumerate()}


async def test_what_keeps_it_from_starting_is_raised_where_it_was_asked_for() -> None:
    apart = LabApart("nowhere")
    with pytest.raises(UsageError, match="nowhere"):
        await apart.start()
    await apart.stop()
