"""The inbox: every finding of a close look at everything, the worst first."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from tests.unit.diagnosis.cluster_parts import crashed, node, pod, world
from vops.diagnosis.findings import Applicability, Confidence, Finding, Fix, Report, Severity
from vops.errors import Unreachable
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.render.findings_table import FINDING_COLUMNS, finding_line, finding_rows
from vops.render.text import plain
from vops.tui.app import VopsApp
from vops.tui.feed import verdict_of
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.findings import FindingsScreen
from vops.tui.screens.fix import FixScreen
from vops.tui.screens.logs import LogsScreen


def finding(cause: str, severity: Severity = Severity.ERROR, *because: str, subject: str = "llm-1") -> Finding:
    fixes = (Fix("wait", Applicability.MANUAL),)
    return Finding(
        cause, cause, severity, Confidence.CERTAIN, Ref("Pod", subject, "prod"), f"about {cause}", (), because, fixes
    )


def report(*findings: Finding) -> Report:
    return Report("2026-03-02T03:12:45Z", "prod", Ref("Pod", "llm-1", "prod"), "pending", "waits", findings)


def test_errors_come_before_warnings_and_roots_before_what_follows_from_them() -> None:
    told = report(finding("slow", Severity.WARNING), finding("killed", Severity.ERROR, "full"), finding("full"))
    assert [row.finding.cause for row in finding_rows([told])] == ["full", "killed", "slow"]


def test_what_two_reports_say_of_one_subject_is_one_row() -> None:
    rows = finding_rows([report(finding("full")), report(finding("full"), finding("full", subject="llm-2"))])
    assert [row.ref.name for row in rows] == ["llm-1", "llm-2"]


def test_a_row_says_severity_cause_subject_and_how_its_fix_is_applied() -> None:
    row = finding_rows([report(finding("killed", Severity.ERROR, "full"))])[0]
    cells = {column.key: column.cell(row).text for column in FINDING_COLUMNS}
    assert (cells["severity"], cells["cause"], cells["subject"]) == ("✗ error", "killed", "pod/llm-1")
    assert cells["fix"] == "by hand"
    assert "follows from full" in plain([finding_line(row)])


async def at_findings(app: VopsApp, pilot: Pilot[Any]) -> FindingsScreen:
    await painted(pilot)
    await pilot.press("colon", *"findings", "enter")
    await until(pilot, lambda: isinstance(app.screen, FindingsScreen) and bool(app.screen.table.rows))
    assert isinstance(app.screen, FindingsScreen)
    return app.screen


@pytest.mark.usefixtures("looking", "planned")
@pytest.mark.parametrize(("key", "screen"), [("enter", DiagnosisScreen), ("f", FixScreen), ("l", LogsScreen)])
async def test_keys_act_on_the_finding_under_the_cursor(key: str, screen: type[Any]) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        findings = await at_findings(app, pilot)
        await pilot.press("slash", *"gated", "enter")
        await until(pilot, lambda: len(findings.table.rows) == 1)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, screen))
        assert app.screen.ref.name == GATED  # type: ignore[attr-defined]  # the screen that was asked for
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is findings)


async def test_r_looks_again(looking: list[Ref]) -> None:
    app = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        findings = await at_findings(app, pilot)
        before = len(looking)
        await pilot.press("r")
        await until(pilot, lambda: len(looking) > before and bool(findings.table.rows))
        await pilot.press("s", "S", "escape")
        await until(pilot, lambda: app.screen is not findings)


async def test_a_look_that_fails_says_so_and_what_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    async def examine_all(*_: Any) -> list[Report]:
        raise Unreachable("the API server does not answer", hint="vops doctor")

    monkeypatch.setattr("vops.tui.screens.findings.examine_all", examine_all)
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("findings")
        await until(pilot, lambda: "the API server does not answer  vops doctor" in screen_text(app))


async def test_nothing_wrong_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def examine_all(*_: Any) -> list[Report]:
        return [report()]

    monkeypatch.setattr("vops.tui.screens.findings.examine_all", examine_all)
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("findings")
        await until(pilot, lambda: "● nothing is wrong" in screen_text(app))


async def test_guesses_stand_below_what_nobody_knows_and_are_not_counted_in_the_fleet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crash = "INFO 11-24 03:00:00 [api_server.py:1] vLLM API server version 0.25.1\n"
    facts = world(pod(status=crashed()), node(), log=crash)

    async def observe(*_: Any, **__: Any) -> ClusterSnapshot:
        return facts.snapshot

    monkeypatch.setattr("vops.tui.examine.observe", observe)
    assert verdict_of(facts.replicas[0]).findings == 1
    app = app_on(facts.snapshot)
    async with app.run_test(size=(160, 40)) as pilot:
        findings = await at_findings(app, pilot)
        await until(pilot, lambda: len(findings.table.rows) == 3)
        text = screen_text(app)
        assert text.index("✗ error") < text.index("● info")
        assert "it may be this, since" in text
        await pilot.press("enter")
        await until(pilot, lambda: "If it is confirmed:" in screen_text(app))
