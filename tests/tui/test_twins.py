"""Tables that a command prints as JSON too: both have the same rows, so that a script and the screen agree.

The replicas of the fleet are compared in test_fleet_screen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from tests.tui.test_runbooks_screens import journalled
from vops.diagnosis.diagnose import diagnose_all
from vops.diagnosis.facts import Facts
from vops.operations.running.runs import Ending
from vops.render.fleet import fleet_document, row_document
from vops.render.report import report_json
from vops.settings import Settings
from vops.tui.screens.findings import FindingsScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.runbooks import RunbooksScreen
from vops.tui.screens.runs import RunsScreen


def printed(state: Path, *arguments: str) -> Any:
    """What a command prints as JSON."""
    environment = {**os.environ, "HOME": str(state), "VOPS_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "vops", *arguments]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


async def test_the_workloads_are_those_of_the_fleet_document() -> None:
    app = app_on()
    async with app.run_test(size=(200, 50)) as pilot:
        await painted(pilot)
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        assert app.picture is not None
        said = {row["name"]: row for row in fleet_document(app.picture.facts)["workloads"]}
        shown = {row.name: row_document(row) for row in screen.workloads.rows}
        told = {"note", "why_not"}  # what a diagnosis adds while one looks on
        assert len(shown) == 5
        assert {name: _without(row, told) for name, row in shown.items()} == {
            name: _without(row, told) for name, row in said.items()
        }


def _without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.usefixtures("looking")
async def test_the_findings_are_those_of_the_reports() -> None:
    app = app_on()
    async with app.run_test(size=(200, 50)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"findings", "enter")
        await until(pilot, lambda: "looked" in screen_text(app))
        screen = app.screen
        assert isinstance(screen, FindingsScreen)
        snapshot = builders.with_log(builders.fleet_snapshot(), GATED, builders.LOG)
        snapshot = builders.with_log(snapshot, GATED, builders.LOG, previous=True)
        reports = json.loads(report_json(diagnose_all(Facts(snapshot))))
        said = {
            (item["cause"], item["severity"], item["subject"]["name"], item["summary"])
            for report in reports
            for item in report["findings"]
        }
        shown = {
            (item.finding.cause, str(item.finding.severity), item.ref.name, item.finding.summary)
            for item in screen.table.rows
        }
        assert shown == said
        assert shown


async def test_the_runbooks_are_those_of_the_list(tmp_path: Path) -> None:
    app = app_on()
    async with app.run_test(size=(200, 50)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"runbooks", "enter")
        await until(pilot, lambda: "add-alerts" in screen_text(app))
        screen = app.screen
        assert isinstance(screen, RunbooksScreen)
        shown = [(row.name, row.title, row.risk, list(row.fixes)) for row in screen.table.rows]
    said = printed(tmp_path, "runbook", "list", "-o", "json")
    assert sorted(shown) == [(row["name"], row["title"], row["risk"], row["fixes"]) for row in said]


async def test_the_runs_are_those_of_the_list(tmp_path: Path) -> None:
    journalled(tmp_path, Ending.FIXED)
    app = app_on(settings=Settings(state_dir=str(tmp_path)))
    async with app.run_test(size=(200, 50)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"runs", "enter")
        await until(pilot, lambda: "✓ fixed" in screen_text(app))
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        (row,) = screen.table.rows
    (said,) = printed(tmp_path, "runs", "-o", "json")
    assert (row.run, row.title, row.outcome) == (said["run"], said["plan"]["title"], said["outcome"])
    assert (row.done, row.steps) == (sum(step["state"] == "done" for step in said["steps"]), len(said["steps"]))
    assert list(row.targets) == [f"{ref['kind'].lower()}/{ref['name']}" for ref in said["plan"]["locks"]]
