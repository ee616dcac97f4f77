"""A lint report for machines that show findings beside code: SARIF 2.1.0, JUnit, GitHub annotations."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import msgspec

from vops import __version__
from vops.diagnosis.findings import Severity
from vops.manifests.lint import LintFinding, LintReport
from vops.manifests.rule import LintRule
from vops.render.lint import place, subject

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ANNOTATIONS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_MOST_ANNOTATIONS = 10
"""GitHub shows ten of each level for a step and drops the rest without a word."""


def lint_sarif(report: LintReport, rules: Sequence[LintRule]) -> bytes:
    """One run with every rule that spoke; allowed findings are results with a suppression."""
    spoken = {finding.rule for finding in (*report.findings, *report.allowed)}
    known = [rule for rule in rules if rule.name in spoken]
    index = {rule.name: at for at, rule in enumerate(known)}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "vops",
                        "semanticVersion": __version__,
                        "rules": [_sarif_rule(rule) for rule in known],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(item, index) for item in (*report.findings, *report.allowed)],
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _sarif_rule(rule: LintRule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.doc.strip()},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [rule.area]},
    }


def _result(finding: LintFinding, index: dict[str, int]) -> dict[str, Any]:
    fingerprint = "\n".join((finding.rule, finding.file, finding.kind, finding.namespace, finding.name, finding.path))
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.summary}. Fix: {finding.fix}."},
        "locations": [_location(finding)],
        "partialFingerprints": {"vopsLint/v1": hashlib.sha256(fingerprint.encode()).hexdigest()[:32]},
    }
    if finding.allowed:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.allowed}]
    return result


def _location(finding: LintFinding) -> dict[str, Any]:
    named = {"fullyQualifiedName": f"{subject(finding)} {finding.path}".strip(), "kind": "object"}
    location: dict[str, Any] = {"logicalLocations": [named]}
    if finding.line is not None:
        region = {"startLine": finding.line, "startColumn": finding.column or 1}
        uri = quote(finding.file.replace("\\", "/"), safe="/")
        location["physicalLocation"] = {"artifactLocation": {"uri": uri}, "region": region}
    return location


def lint_junit(report: LintReport, fail_on: Severity) -> str:
    """A suite a file, a case an object with findings; a file without any is one passed case."""
    root = ElementTree.Element("testsuites", name="vops lint")
    total = failed = 0
    for file in report.files:
        cases = _cases([finding for finding in report.findings if finding.file == file])
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(file), tests=str(max(1, len(cases))))
        bad = 0
        for name, findings in cases or [(file, [])]:
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(file), name=_xml(name))
            failures = [finding for finding in findings if finding.severity.rank >= fail_on.rank]
            bad += bool(failures)
            for finding in failures:
                words = _xml(f"{place(finding)}: {finding.summary}")
                failure = ElementTree.SubElement(case, "failure", type=finding.rule, message=words)
                failure.text = _xml(f"{finding.path}\nfix: {finding.fix}")
        suite.set("failures", str(bad))
        total, failed = total + max(1, len(cases)), failed + bad
    root.set("tests", str(total))
    root.set("failures", str(failed))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _cases(findings: Sequence[LintFinding]) -> list[tuple[str, list[LintFinding]]]:
    ordered = sorted(findings, key=subject)
    return [(name, list(group)) for name, group in itertools.groupby(ordered, key=subject)]


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(char for char in text if char in "\t\n" or (ord(char) >= 32 and ord(char) not in (0xFFFE, 0xFFFF)))


def lint_github(report: LintReport) -> str:
    """Workflow commands, the worst first; what GitHub would drop is counted in the last one of its level."""
    lines: list[str] = []
    for severity in reversed(Severity):
        found = [finding for finding in report.findings if finding.severity is severity]
        shown = found if len(found) <= _MOST_ANNOTATIONS else found[: _MOST_ANNOTATIONS - 1]
        lines += [_command(finding) for finding in shown]
        if len(shown) < len(found):
            rest = len(found) - len(shown)
            lines.append(f"::{_ANNOTATIONS[severity]} title=vops lint::{rest} more of this kind; run vops lint")
    return "\n".join(lines)


def _command(finding: LintFinding) -> str:
    places = [("file", finding.file), ("line", finding.line), ("col", finding.column)] if finding.line else []
    return workflow_command(
        _ANNOTATIONS[finding.severity],
        [*places, ("title", f"vops lint: {finding.rule}")],
        f"{subject(finding)}: {finding.summary}\nfix: {finding.fix}",
    )


def workflow_command(level: str, properties: Iterable[tuple[str, object]], message: str) -> str:
    """`::error file=…,line=…::message`, escaped as the runner takes it apart."""
    given = ",".join(f"{name}={_escaped(str(value), property_=True)}" for name, value in properties)
    return f"::{level} {given}::{_escaped(message)}"


def _escaped(text: str, *, property_: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property_ else text
