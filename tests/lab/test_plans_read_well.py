"""The plan of every shipped runbook fits a screen, and says what a colleague would: why, what, what proves it, undo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import session_on
from tests.lab.runbook_cases import CASES
from vops.planning.plan import Decision, Plan
from vops.render.plan import plan_lines
from vops.render.text import cell_width, plain

HIGH, WIDE = 45, 120
UNREADABLE = re.compile(r"\(s\)|\b(?:spec|annotations): \{\}|\$\{|\bparams\.|\bsteps\.|\bobj\.", re.MULTILINE)
"""Both numbers at once, hollow YAML, and what only the runbook's author understands."""
WAYS_OF_PROVING = ("verify", "k8s.wait", "model.follow", "instruct")


async def planned(start_lab: StartLab, name: str, folder: Path) -> Plan:
    lab = await start_lab(CASES[name].scenario)
    await CASES[name].prepare(lab, folder / "before")
    async with session_on(lab, folder / "now") as session:
        return await CASES[name].plan(session, lab)


@pytest.mark.parametrize("name", CASES)
async def test_a_plan_fits_a_screen_and_reads_well(name: str, start_lab: StartLab, tmp_path: Path) -> None:
    plan = await planned(start_lab, name, tmp_path)
    text = plain(plan_lines(plan))
    lines = text.splitlines()
    assert len(lines) <= HIGH
    assert max(map(cell_width, lines)) <= WIDE
    assert not UNREADABLE.search(text), text
    assert re.search(r"^(at stake|▲) ", text, re.MULTILINE)
    assert "undo " in text
    changing = [step for step in plan.steps if step.changes]
    assert all(step.why for step in changing), [step.id for step in changing]
    assert sum(line.lstrip().startswith("because ") for line in lines) >= bool(changing)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"add-alerts", "clean-failed-pods"}))
async def test_a_plan_ends_with_its_proof(name: str, start_lab: StartLab, tmp_path: Path) -> None:
    plan = await planned(start_lab, name, tmp_path)
    doing = [step for step in plan.steps if step.decision is Decision.DO]
    assert doing[-1].kind in WAYS_OF_PROVING
    if doing[-1].kind == "verify":
        assert "proven when " in plain(plan_lines(plan))
