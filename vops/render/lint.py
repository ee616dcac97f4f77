"""A lint report as text and as the `vops.lint/v1` document."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from vops.diagnosis.findings import Severity
from vops.manifests.lint import LintFinding, LintReport
from vops.render.states import severity_look
from vops.render.text import Line, Span, Tone, line

_PLURALS = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "hints"}


def at_least(report: LintReport, severity: Severity) -> LintReport:
    """The report without the findings that are milder than `severity`."""
    kept = tuple(finding for finding in report.findings if finding.severity.rank >= severity.rank)
    return msgspec.structs.replace(report, findings=kept)


def lint_lines(report: LintReport, hidden: int = 0) -> list[Line]:
    """A finding a paragraph, its place first, as editors and terminals link it; then the count."""
    lines = [text for finding in report.findings for text in _finding_lines(finding)]
    return [*lines, _summary(report, hidden)]


def place(finding: LintFinding) -> str:
    """`file:line:column`, or the object's name for a live one."""
    parts = [finding.file, *(str(number) for number in (finding.line, finding.column) if number is not None)]
    return ":".join(parts)


def subject(finding: LintFinding) -> str:
    """`Deployment namespace/name`."""
    return (
        f"{finding.kind} {finding.namespace}/{finding.name}" if finding.namespace else f"{finding.kind} {finding.name}"
    )


def _finding_lines(finding: LintFinding) -> list[Line]:
    _, tone = severity_look(finding.severity)
    source = f"  from {finding.source}" if finding.source else ""
    return [
        line(
            Span(place(finding), Tone.STRONG),
            ": ",
            Span(f"{finding.severity} {finding.rule}", tone),
            f": {finding.summary}",
        ),
        line(Span(f"    {subject(finding)}  {finding.path}{source}", Tone.DIM)),
        line(f"    fix: {finding.fix}"),
    ]


def _summary(report: LintReport, hidden: int) -> Line:
    counts = Counter(finding.severity for finding in report.findings)
    parts = [counted(counts[severity], _PLURALS[severity]) for severity in reversed(Severity) if counts[severity]]
    looked = f"{counted(report.objects, 'objects')}, {counted(report.servers, 'vLLM servers')}"
    more = f"; {counted(hidden, 'hints')} not shown (--severity info)" if hidden else ""
    allowed = f"; {len(report.allowed)} allowed" if report.allowed else ""
    tone = Tone.GOOD if not parts else Tone.PLAIN
    return line(Span(f"{', '.join(parts) or 'nothing found'} in {looked}{allowed}{more}", tone))


def counted(number: int, plural: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}"


def lint_document(report: LintReport) -> dict[str, Any]:
    """The `vops.lint/v1` document: every key present, whatever is empty."""
    return {
        "schema": "vops.lint/v1",
        "files": list(report.files),
        "objects": report.objects,
        "servers": report.servers,
        "findings": [_finding_document(finding) for finding in report.findings],
        "allowed": [_finding_document(finding) | {"reason": finding.allowed} for finding in report.allowed],
    }


def _finding_document(finding: LintFinding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "summary": finding.summary,
        "fix": finding.fix,
        "object": {"kind": finding.kind, "namespace": finding.namespace, "name": finding.name},
        "path": finding.path,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "source": finding.source,
    }


def lint_json(report: LintReport) -> bytes:
    """The document, indented, so that people can read it too."""
    return msgspec.json.format(msgspec.json.encode(lint_document(report)), indent=2)
