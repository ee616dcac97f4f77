"""A lint report in each format: text, vops.lint/v1, SARIF 2.1.0, JUnit, GitHub annotations."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from vops.diagnosis.findings import Severity
from vops.manifests.lint import LintFinding, LintReport
from vops.manifests.rule import discover
from vops.render.lint import at_least, lint_json, lint_lines
from vops.render.lint_ci import lint_github, lint_junit, lint_sarif, workflow_command
from vops.render.text import plain

ERROR = LintFinding(
    rule="shm-missing",
    severity=Severity.ERROR,
    summary="NCCL hangs",
    fix="mount it",
    kind="Deployment",
    namespace="prod",
    name="llm",
    path="spec.x",
    file="a b/deploy.yaml",
    line=3,
    column=5,
)
WARNING = replace(ERROR, rule="unpinned-image", severity=Severity.WARNING, line=9)
LIVE = replace(ERROR, file="deployment/llm in prod", line=None, column=None)
ALLOWED = replace(ERROR, rule="plain-secret", allowed="a test bed")
REPORT = LintReport((ERROR, WARNING), (ALLOWED,), ("a b/deploy.yaml", "clean.yaml"), objects=2, servers=1)


def test_text_begins_with_the_place_and_ends_with_the_count() -> None:
    lines = plain(lint_lines(REPORT, hidden=2)).splitlines()
    assert lines[0] == "a b/deploy.yaml:3:5: error shm-missing: NCCL hangs"
    assert lines[-1] == "1 error, 1 warning in 2 objects, 1 vLLM server; 1 allowed; 2 hints not shown (--severity info)"


def test_json_has_every_key() -> None:
    document = json.loads(lint_json(REPORT))
    assert document["schema"] == "vops.lint/v1"
    assert set(document["findings"][0]) == {
        "rule", "severity", "summary", "fix", "object", "path", "file", "line", "column", "source",
    }  # fmt: skip
    assert document["allowed"][0]["reason"] == "a test bed"


def test_milder_findings_can_be_left_out() -> None:
    assert at_least(REPORT, Severity.ERROR).findings == (ERROR,)


def test_sarif_places_each_result_and_suppresses_what_is_allowed() -> None:
    run = json.loads(lint_sarif(REPORT, discover()))["runs"][0]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location == {
        "artifactLocation": {"uri": "a%20b/deploy.yaml"},
        "region": {"startLine": 3, "startColumn": 5},
    }
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert [bool(result.get("suppressions")) for result in run["results"]] == [False, False, True]


def test_sarif_gives_a_live_object_a_logical_place_only() -> None:
    report = replace(REPORT, findings=(LIVE,), allowed=())
    location = json.loads(lint_sarif(report, discover()))["runs"][0]["results"][0]["locations"][0]
    assert set(location) == {"logicalLocations"}


def test_junit_fails_the_objects_at_or_above_the_threshold() -> None:
    root = ElementTree.fromstring(lint_junit(REPORT, Severity.ERROR))
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert [item.get("type") for item in root.iter("failure")] == ["shm-missing"]


def test_annotations_are_escaped_as_the_runner_takes_them_apart() -> None:
    command = workflow_command("error", [("file", "a,b:c%"), ("line", 1)], "100%\nnext: x")
    assert command == "::error file=a%2Cb%3Ac%25,line=1::100%25%0Anext: x"


@pytest.mark.parametrize(("count", "lines"), [(10, 10), (11, 10), (50, 10)])
def test_annotations_stay_below_what_github_drops(count: int, lines: int) -> None:
    found = tuple(replace(ERROR, line=at + 1) for at in range(count))
    text = lint_github(replace(REPORT, findings=found))
    assert len(text.splitlines()) == lines
    assert (f"{count - 9} more" in text) is (count > 10)
