"""A diagnosis report as text, JSON, YAML, Markdown and JUnit; loads what writes a format when it is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import msgspec

from vops.diagnosis.findings import LIKENED, Applicability, Evidence, Finding, Fix, Report, Severity, Skipped
from vops.model.objects import Ref
from vops.render.slowness import slowness_document, slowness_lines
from vops.render.states import severity_look
from vops.render.text import Line, Span, Tone, line


def report_lines(report: Report, *, whole: bool = False) -> list[Line]:
    """The report as an engineer reads it: what is wrong, the evidence, then what to run.

    Rules that could not be asked are folded into a line for each reason, unless the `whole` of it is wanted.
    """
    subject = report.subject
    place = f"{subject.namespace}/{subject.name}" if subject.namespace else subject.name
    lines = [line(Span(f"{subject.kind} {place}", Tone.STRONG), Span(f"  {report.state}", _state_tone(report)))]
    lines.append(line(f"  {report.summary}"))
    if report.slowness is not None:
        lines += [line("  ", *text) for text in slowness_lines(report.slowness)]
    for at, finding in enumerate(report.findings):
        told = any(finding.evidence == other.evidence for other in report.findings[:at])
        lines += [line(""), *_finding_lines(finding, subject, told=told)]
    if report.skipped:
        lines.append(line(""))
        lines += [_skipped_line(item) for item in report.skipped] if whole else _folded(report.skipped)
    return lines


def _skipped_line(item: Skipped) -> Line:
    return line(Span(f"not checked: {item.rule} needs {item.needs}: {item.why}", Tone.DIM))


def _folded(skipped: Iterable[Skipped]) -> list[Line]:
    by_reason: dict[str, list[Skipped]] = {}
    for item in skipped:
        by_reason.setdefault(item.why, []).append(item)
    return [_folded_line(why, items) for why, items in by_reason.items()]


def _folded_line(why: str, items: list[Skipped]) -> Line:
    needs = ", ".join(dict.fromkeys(str(item.needs) for item in items))
    rules = items[0].rule if len(items) == 1 else f"{len(items)} rules"
    return line(Span(f"not checked, for want of {needs}: {rules} ({why})", Tone.DIM))


def _state_tone(report: Report) -> Tone:
    worst = max((finding.severity.rank for finding in report.findings), default=-1)
    return Tone.GOOD if worst < 0 else severity_look(list(Severity)[worst])[1]


def _finding_lines(finding: Finding, subject: Ref, *, told: bool) -> list[Line]:
    """A finding; evidence that an earlier one has `told` of is not shown again."""
    glyph, tone = severity_look(finding.severity)
    hint = ", a hint by words alone" if finding.rule == LIKENED else ""
    follows = f", follows from {', '.join(finding.because)}" if finding.because else ""
    lines = [
        line(
            Span(f"{glyph} {finding.cause}", tone),
            Span(f"  {finding.severity}, {finding.confidence}{hint}{follows}", Tone.DIM),
        ),
        line(f"  {finding.summary}"),
    ]
    if finding.evidence and told:
        lines.append(line(Span("  evidence: as above", Tone.DIM)))
    elif finding.evidence:
        lines.append(line(Span("  evidence", Tone.DIM)))
        lines += [text for item in finding.evidence for text in _evidence_lines(item)]
    for fix in finding.fixes:
        lines += _fix_lines(fix, finding, subject)
    return lines


def _evidence_lines(item: Evidence) -> list[Line]:
    lines = [line(Span(f"    {item.source} {item.where}: ", Tone.DIM), item.observed)]
    if item.expected:
        lines.append(line(Span(f"      expected: {item.expected}", Tone.DIM)))
    return lines


def _fix_lines(fix: Fix, finding: Finding, subject: Ref) -> list[Line]:
    lines = [line(Span(f"  fix ({fix.applicability}): ", Tone.DIM), Span(fix.title, Tone.STRONG))]
    lines += [line(f"    - {step}") for step in fix.steps]
    if fix.applicability is not Applicability.MANUAL:
        first = next(item for item in finding.fixes if item.runbook)
        command = fix_command(subject, finding.cause) if fix is first else f"{fix.command} --dry-run"
        lines.append(line("    ", Span(command, Tone.ACCENT)))
    return lines


def fix_command(subject: Ref, cause: str = "") -> str:
    """The command line that plans the fix for `subject`, without changing anything yet."""
    target = subject.name if subject.kind == "Pod" else f"{subject.kind.lower()}/{subject.name}"
    place = f" -n {subject.namespace}" if subject.namespace else ""
    return f"vops fix {target}{place}" + (f" --cause {cause}" if cause else "") + " --dry-run"


def report_document(report: Report) -> dict[str, Any]:
    """The `vops.report/v1` document: every key present, whatever is empty."""
    return {
        "schema": report.schema,
        "at": report.at,
        "context": report.context,
        "subject": _ref(report.subject),
        "state": report.state,
        "summary": report.summary,
        "findings": [_finding_document(finding) for finding in report.findings],
        "skipped": [{"rule": item.rule, "needs": str(item.needs), "why": item.why} for item in report.skipped],
        "slowness": slowness_document(report.slowness),
    }


def _ref(ref: Ref) -> dict[str, str]:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name, "uid": ref.uid}


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "cause": finding.cause,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "subject": _ref(finding.subject),
        "summary": finding.summary,
        "evidence": [
            {"source": str(item.source), "where": item.where, "observed": item.observed, "expected": item.expected}
            for item in finding.evidence
        ],
        "because": list(finding.because),
        "fixes": [_fix_document(fix) for fix in finding.fixes],
    }


def _fix_document(fix: Fix) -> dict[str, Any]:
    return {
        "title": fix.title,
        "runbook": fix.runbook,
        "params": fix.params,
        "applicability": str(fix.applicability),
        "command": fix.command,
        "steps": list(fix.steps),
        "patch": list(fix.patch),
    }


def report_json(reports: list[Report]) -> bytes:
    """One document for one subject, a list for several; indented, so that people can read it too."""
    documents = [report_document(report) for report in reports]
    return msgspec.json.format(msgspec.json.encode(documents[0] if len(documents) == 1 else documents), indent=2)


def report_yaml(reports: list[Report]) -> str:
    """The same documents as YAML, separated by `---`."""
    from ruamel.yaml import YAML

    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump_all([report_document(report) for report in reports], stream)
    return stream.getvalue()


def report_markdown(reports: list[Report]) -> str:
    """For a ticket: headings, evidence as a table, commands as code."""
    parts: list[str] = []
    for report in reports:
        parts += [f"## {report.subject.kind} `{report.subject.namespace}/{report.subject.name}`: {report.state}", ""]
        parts += [_escaped(report.summary), ""]
        if report.slowness is not None:
            parts += [_escaped(report.slowness.summary), ""]
        for finding in report.findings:
            parts += _finding_markdown(finding, report.subject)
    return "\n".join(parts)


def _finding_markdown(finding: Finding, subject: Ref) -> list[str]:
    parts = [f"### {finding.cause} ({finding.severity}, {finding.confidence})", "", _escaped(finding.summary), ""]
    if finding.evidence:
        parts += ["| source | where | observed | expected |", "|---|---|---|---|"]
        parts += [
            "| " + " | ".join(_escaped(cell) for cell in (item.source, item.where, item.observed, item.expected)) + " |"
            for item in finding.evidence
        ]
        parts.append("")
    for fix in finding.fixes:
        parts.append(f"- **{fix.applicability}**: {_escaped(fix.title)}")
        parts += [f"  - {_escaped(step)}" for step in fix.steps]
        if fix.applicability is not Applicability.MANUAL:
            parts.append(f"  - `{fix_command(subject, finding.cause)}`")
    return [*parts, ""]


def _escaped(text: str) -> str:
    """Text that stays text in Markdown, tables included."""
    for char in "\\`*_[]<>|":
        text = text.replace(char, f"\\{char}")
    return text.replace("\n", " ")


def report_junit(reports: list[Report], fail_on: Severity) -> str:
    """A test suite: a case per subject, failed by the findings at or above `fail_on`."""
    from xml.etree import ElementTree

    suite = ElementTree.Element("testsuite", name="vops diagnose", tests=str(len(reports)))
    failed = 0
    for report in reports:
        subject = report.subject
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{subject.kind}.{subject.namespace}", name=subject.name
        )
        bad = [finding for finding in report.findings if finding.severity.rank >= fail_on.rank]
        failed += bool(bad)
        for finding in bad:
            failure = ElementTree.SubElement(case, "failure", type=finding.cause, message=finding.summary)
            failure.text = "\n".join(f"{item.source} {item.where}: {item.observed}" for item in finding.evidence)
    suite.set("failures", str(failed))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode")
