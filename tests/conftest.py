"""Fixtures for everyone: a lab whose time stands still until a test moves it. And what tests need not pay for."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from tests.lived import Lived
from vops.lab.clock import LabClock
from vops.lab.world import Lab

StartLab = Callable[..., Awaitable[Lab]]
TESTS = Path(__file__).parent
COLLECT_AFTER = 10_000
LONGEST_ID = 200
LONGEST = (
    "tests/cli/test_exit_codes.py",
    "tests/cli/test_runs.py",
    "tests/unit/seeder",
    "tests/unit/diagnosis/test_eval.py::test_the_shares",
)

settings.register_profile("beside others", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("beside others")  # how long an example takes on a busy machine is nobody's claim

gc.disable()  # while tests are imported and collected, next to nothing becomes garbage


def pytest_collection(session: pytest.Session) -> None:
    """Workers begin with different modules, so that in a fresh checkout each is compiled by one and read by the others.

    Beginning with the same, they would all compile all of them.
    """
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if worker and session.config.args == session.config.getini("testpaths"):
        files = sorted(TESTS.glob("*/**/test_*.py"))
        first = len(files) * int(worker.removeprefix("gw")) // workers
        for file in files[first:] + files[:first]:
            with suppress(Exception):  # is imported once more when it is collected, and what it raises told then
                importlib.import_module(".".join(file.relative_to(TESTS.parent).with_suffix("").parts))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A text of a megabyte is named by its size: each worker tells the names of all tests, and of each test thrice."""
    is_long = isinstance(val, (str, bytes)) and len(val) > LONGEST_ID
    return f"{argname}-of-{len(val)}" if is_long else None  # type: ignore[arg-type]  # only texts are long


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits longest begins first: no worker is left alone with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    """What is imported and collected stays: a search for garbage need not go through it after every few tests."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def no_power_cuts() -> Iterator[None]:
    """Journals wait for the disk, so that they outlive a power cut; no test has one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def worlds_lived_in_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vops.lab.world.lived_in", Lived())
        yield


@pytest.fixture
def lab_clock() -> LabClock:
    """Virtual time, shared by the test, its labs and whatever of vops the test gives it to."""
    return LabClock()


@pytest_asyncio.fixture
async def start_lab(lab_clock: LabClock) -> AsyncIterator[StartLab]:
    """`lab = await start_lab("healthy", seed=0)`: a scenario, already lived in; stopped when the test ends.

    A second lab of a test, that has nothing to do with the first, takes a clock of its own: its past is known already.
    """
    labs: list[Lab] = []

    async def start(scenario: str = "healthy", *, seed: int = 0, clock: LabClock | None = None) -> Lab:
        labs.append(await Lab.start(scenario, seed=seed, clock=clock or lab_clock))
        return labs[-1]

    yield start
    for lab in labs:
        await lab.stop()
