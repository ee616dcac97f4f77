"""A forked run of vops is what `python -m vops` is: output, exit code, streams, signals, and no more environment."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forked

LINES = [("--version",), ("explain", "gated-model"), ("explain", "nope"), ("--nonsense",), ("lint", "-", "-o", "json")]
AT_START = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
POD = b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n"


@pytest.fixture(scope="module")
def server() -> Iterator[forked.Server]:
    """One of these tests' own, which has no home."""
    started = forked.Server(AT_START)
    yield started
    started.stop()


@pytest.fixture
def environment(server: forked.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the server suits."""
    monkeypatch.setattr(forked, "_SERVERS", [server])
    return AT_START | {"HOME": str(tmp_path)}


async def _ended(*arguments: str, environment: dict[str, str], given: bytes = b"") -> tuple[type, int | None, bytes]:
    process = await forked.start_vops(*arguments, environment=environment)
    out, err = await process.communicate(given)
    return type(process), process.returncode, (out or b"") + (err or b"")


@pytest.mark.parametrize("arguments", LINES, ids=" ".join)
async def test_a_fork_says_and_returns_what_a_process_of_its_own_does(
    environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    quick = await _ended(*arguments, environment=environment, given=POD)
    # What Python reads when it starts cannot be given to a fork.
    whole = await _ended(*arguments, environment=environment | {"PYTHONHASHSEED": "0"}, given=POD)
    assert (quick[0], whole[0]) == (forked.Forked, Process)
    assert quick[1:] == whole[1:]


async def test_a_fork_that_is_killed_says_so(environment: dict[str, str]) -> None:
    process = await forked.start_vops("lint", "-", environment=environment)
    process.kill()
    assert (await process.communicate(), process.returncode) == ((b"", b""), -signal.SIGKILL)
