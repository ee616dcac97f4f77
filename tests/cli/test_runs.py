"""Plans in files, runs that are listed, resumed and undone, and the reports that CI reads."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
import pytest_asyncio

from tests.cli.conftest import Done, RunVops
from tests.tui.builders import toleration_plan
from vops.cli.ci_log import StepGroups
from vops.cli.output import write_file
from vops.errors import InputError
from vops.lab.world import Lab
from vops.planning.events import RunEvent, StepRecord, StepState
from vops.render.runbook_lint import github_commands
from vops.render.runs import RunStory, github_annotations, run_junit, run_markdown
from vops.runbooks.advice import Advice

RUNBOOK = (
    "fix-untolerated-taint",
    "-p",
    "target=deploy/llama3-8b",
    "-p",
    'tolerations=[{"key":"nvidia.com/gpu","operator":"Exists","effect":"NoSchedule"}]',
)


@pytest_asyncio.fixture
async def on_lab(vops: RunVops, tmp_path: Path) -> AsyncIterator[RunVops]:
    """vops on a lab that outlives a command and goes fast."""
    lab = await Lab.start("untolerated-taint", speed=50)
    kubeconfig = tmp_path / "lab.kubeconfig"
    kubeconfig.write_text(json.dumps(lab.kubeconfig()))

    async def run(*arguments: str) -> Done:
        return await vops("--kubeconfig", str(kubeconfig), "-n", "inference", *arguments)

    yield run
    await lab.stop()


@pytest.fixture
def bench_on_github(on_lab: RunVops, environment: dict[str, str], tmp_path: Path) -> RunVops:
    """vops in a job of GitHub."""
    environment |= {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "outputs")}
    environment |= {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    return on_lab


async def test_a_plan_in_a_file_is_applied_once_and_reported(on_lab: RunVops, tmp_path: Path) -> None:
    plan, junit, summary = tmp_path / "plan.json", tmp_path / "junit.xml", tmp_path / "run.md"
    assert (await on_lab("run", *RUNBOOK, "--plan-out", str(plan))).code == 0
    applied = await on_lab("apply", "--plan-in", str(plan), "--yes", "--report", f"junit={junit},md={summary}")
    assert (applied.code, "fixed" in applied.out) == (0, True)
    suite = ElementTree.fromstring(junit.read_text())
    assert (suite.get("failures"), len(suite.findall("testcase"))) == ("0", 6)
    assert "+         key: nvidia.com/gpu" in summary.read_text()
    again = await on_lab("apply", "--plan-in", str(plan), "--yes")
    assert (again.code, "make a new plan" in again.err) == (5, True)


async def test_a_run_is_listed_shown_and_taken_back(on_lab: RunVops) -> None:
    assert (await on_lab("run", *RUNBOOK, "--yes")).code == 0
    (run,) = (await on_lab("runs", "-o", "json")).document
    shown = await on_lab("runs", "show", run["run"][:12])
    assert all(text in shown.out for text in ("fixed", "+       - effect: NoSchedule", f"vops undo {run['run']}"))
    dry = await on_lab("undo", run["run"], "--dry-run")
    assert re.search(r"^ +- +- effect: NoSchedule$", dry.out, re.MULTILINE)
    refused = await on_lab("resume", run["run"])
    assert (refused.code, "has ended: fixed" in refused.err) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("apply", "--plan-in", "nowhere.json"), "nowhere.json: cannot be read"),
        (("resume", "1999"), "is not a run of this machine"),
        (("undo", "1999"), "is not a run of this machine"),
        (("runs", "show", "1999"), "vops runs lists them"),
        (("run", "fix-kv-cache", "--report", "pdf=x"), "FORMAT is one of junit, json, md"),
        (("run", "fix-kv-cache", "--confirm", "target"), "is not NAME=VALUE"),
        (("run", "fix-kv-cache", "--report", "junit=/nonexistent/j.xml"), "there is no folder /nonexistent"),
        (("run", "fix-kv-cache", "--report", "md=/"), "it is a folder"),
        (("run", "nope"), "there is no runbook 'nope'"),
        (("handback", "20260101-000000-abcdef"), "vops handback deploy/NAME"),
    ],
)
async def test_what_cannot_be_read_is_named(vops: RunVops, arguments: tuple[str, ...], words: str) -> None:
    done = await vops(*arguments)
    assert (done.code, words in done.err, "Traceback" in done.err) == (2, True, False)


def story(**more: object) -> RunStory:
    steps = (StepRecord("a", "k8s.patch", "Change it", StepState.FAILED, "it | broke\n<b>"),)
    return RunStory("r1", toleration_plan(), steps, **({"outcome": "failed", "error": "50% broke\nhere"} | more))  # type: ignore[arg-type]  # passed on as they came


def test_a_failed_step_is_a_failure_for_ci_and_its_text_stays_text() -> None:
    case = ElementTree.fromstring(run_junit(story())).find("testcase/failure")
    assert case is not None
    assert case.get("message") == "it | broke\n<b>"
    assert "it \\| broke \\<b\\>" in run_markdown(story())
    assert github_annotations(story())[0].endswith("::50%25 broke%0Ahere")
    assert github_annotations(story(outcome="fixed")) == ()


def told(environ: dict[str, str], *steps: str) -> list[str]:
    lines: list[str] = []
    groups = StepGroups(environ, lines.append)
    for step in steps:
        groups.follow(RunEvent(datetime(2026, 3, 2, tzinfo=UTC), step, StepState.RUNNING, "Go"))
    return lines


def test_steps_are_folded_as_each_ci_system_does() -> None:
    assert told({"GITHUB_ACTIONS": "true"}, "a", "a", "b.1") == ["::group::a Go", "::endgroup::", "::group::b.1 Go"]
    assert told({"GITLAB_CI": "true"}, "a", "b.1") == [
        "section_start:1772409600:a[collapsed=true]\r\x1b[0Ka",
        "section_end:1772409600:a\r\x1b[0K",
        "section_start:1772409600:b_1[collapsed=true]\r\x1b[0Kb.1",
    ]
    assert told({}, "a", "b") == []


async def test_a_job_on_github_has_whole_groups_and_tells_later_steps_which_run_it_was(
    bench_on_github: RunVops, tmp_path: Path
) -> None:
    done = await bench_on_github("run", *RUNBOOK, "--yes")
    assert (done.code, done.err.count("::group::")) == (0, done.err.count("::endgroup::")), done.err
    assert "::group::tolerate" in done.err
    assert "outcome=fixed" in (tmp_path / "outputs").read_text()
    assert "| ✓ Add the tolerations" in (tmp_path / "summary.md").read_text()


def test_a_report_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text("before")
    write_file(path, b"after", "--report")
    assert ([item.name for item in tmp_path.iterdir()], path.read_text()) == (["report.xml"], "after")
    with pytest.raises(InputError, match="cannot be written"):
        write_file(tmp_path / "no" / "report.xml", b"x", "--report")


@pytest.mark.parametrize(
    ("state", "tag"), [(StepState.RUNNING, "error"), (StepState.UNDONE, "skipped"), (StepState.UNKNOWN, "failure")]
)
def test_junit_tells_what_became_of_a_step(state: StepState, tag: str) -> None:
    told = RunStory(
        "r1", toleration_plan(), (StepRecord("a", "k8s.patch", "Change it", state, "so"),), outcome="failed"
    )
    assert ElementTree.fromstring(run_junit(told)).find(f".//testcase/{tag}") is not None


def test_what_is_taken_back_is_a_suite_of_its_own() -> None:
    steps = [
        StepRecord(name, "k8s.patch", name, state, "so")
        for name, state in (("a", StepState.UNDONE), ("b", StepState.UNKNOWN), ("c", StepState.FAILED))
    ]
    told = RunStory("r1", toleration_plan(), tuple(steps), outcome="failed")
    run, undo = ElementTree.fromstring(run_junit(told)).findall("testsuite")
    assert (undo.get("name"), undo.get("tests"), undo.get("failures")) == ("vops undo fix-untolerated-taint", "2", "1")
    assert [case.get("name") for case in undo.findall("testcase")] == ["Take back: b", "Take back: a"]
    assert (run.get("tests"), run.get("failures"), run.get("skipped")) == ("3", "2", "1")


def test_a_run_of_undo_says_which_run_it_takes_back() -> None:
    plan = msgspec.structs.replace(toleration_plan(), runbook="undo", params={"run": "r0"})
    suite = ElementTree.fromstring(run_junit(RunStory("r1", plan, (), outcome="applied")))
    found = {item.get("name"): item.get("value") for item in suite.findall("properties/property")}
    assert (suite.get("name"), found["undoes"]) == ("vops undo", "r0")


async def test_a_name_that_nobody_will_type_is_asked_for_before_the_run_begins(vops: RunVops) -> None:
    lab = ("--lab", "healthy", "-n", "inference")
    done = await vops(*lab, "run", "drain-node", "-p", "node=node/gpu-l4-2", "--yes")
    assert (done.code, "add --confirm target=gpu-l4-2" in done.err, "journal" in done.err) == (7, True, False)


async def test_what_a_person_has_to_do_is_told_as_that(vops: RunVops, tmp_path: Path) -> None:
    """By the outcome, the exit code and the report."""
    lab = await Lab.start("gated-model", speed=50)
    kubeconfig, junit = tmp_path / "lab.kubeconfig", tmp_path / "junit.xml"
    kubeconfig.write_text(json.dumps(lab.kubeconfig()))
    where = ("--kubeconfig", str(kubeconfig), "-n", "inference")
    to = ("-p", "to=hf-token-approved/token", "--yes", "--report", f"junit={junit}")
    done = await vops(*where, "run", "rotate-hf-token", *to)
    told = done.out.splitlines()[-1]
    assert (done.code, told.startswith("waiting for a person: Revoke the old token; so far fixed: ")) == (7, True), told
    assert [item.get("type") for item in ElementTree.fromstring(junit.read_text()).iter("error")] == ["approval"]
    assert "failed" not in done.err
    await lab.stop()


@pytest.mark.parametrize(("output", "words"), [("github", "bad.yaml,line=3,"), ("codequality", '"begin": 3')])
async def test_faults_of_runbooks_are_shown_beside_their_line(
    vops: RunVops, tmp_path: Path, output: str, words: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("vops: 1\nid: bad\ntitel: Bad\n")
    done = await vops("runbook", "lint", str(path), "-o", output)
    assert (done.code, words in done.out) == (2, True), done.out


def test_github_shows_ten_annotations_and_is_told_how_many_more_there_are() -> None:
    found = [Advice("a.yaml", line, "no `why`: 100%") for line in range(1, 14)]
    lines = github_commands([], found).splitlines()
    assert lines[0] == "::warning file=a.yaml,line=1,title=vops runbook lint::no `why`: 100%25"
    assert (len(lines), "4 more of this kind" in lines[-1]) == (10, True)
