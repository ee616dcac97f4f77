"""The scripts of the guide to Python print what it says they print, and vops.api exports all that it imports."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import session_on, watched
from vops import api
from vops.operations.session import Session
from vops.settings import Settings

GUIDE = (Path(__file__).parents[2] / "docs/guides/scripting.md").read_text("utf-8")
SCRIPTS = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", GUIDE, re.DOTALL)
RUNS = "\n\nasyncio.run(main())\n"


def test_every_script_of_the_guide_is_tried() -> None:
    assert len(SCRIPTS) == GUIDE.count("```python") == 3


@pytest.mark.parametrize(("script", "printed"), [item for item in SCRIPTS if RUNS in item[0]])
async def test_a_script_on_the_lab_prints_what_the_guide_says(
    script: str,
    printed: str,
    start_lab: StartLab,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (scenario,) = re.findall(r'lab="([\w-]+)"', script)
    lab = await start_lab(scenario)
    async with session_on(lab, tmp_path) as session:

        @asynccontextmanager
        async def here(settings: Settings) -> AsyncIterator[Session]:
            assert settings.lab == scenario
            yield session

        monkeypatch.setattr(api, "open_session", here)
        names: dict[str, Any] = {}
        exec(script.removesuffix(RUNS), names)  # noqa: S102  # that is what is tried
        await watched(lab, names["main"]())
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(("script", "printed"), [item for item in SCRIPTS if RUNS not in item[0]])
def test_a_script_without_a_cluster_prints_what_the_guide_says(
    script: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(script, {})  # noqa: S102  # that is what is tried
    assert capsys.readouterr().out == printed


def test_the_module_exports_all_that_it_imports() -> None:
    assert sorted(api.__all__) == sorted(name for name in vars(api) if not name.startswith("_"))
