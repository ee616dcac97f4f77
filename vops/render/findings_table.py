"""The findings of everything that was looked at, as one list: the worst first, what others follow from before them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vops.diagnosis.findings import Applicability, Finding, Report
from vops.model.objects import Ref
from vops.model.text import one_line
from vops.render.cells import Cell, Column
from vops.render.states import severity_look
from vops.render.text import Line, Span, Tone, line

_LONGEST = 300
_FIXES = {
    Applicability.SAFE: ("f safe", Tone.GOOD),
    Applicability.ASK: ("f ask", Tone.ACCENT),
    Applicability.MANUAL: ("by hand", Tone.DIM),
}
"""How the first fix of a finding is applied, and that `f` plans it."""


class FindingRow(msgspec.Struct, frozen=True):
    """One finding on one subject."""

    finding: Finding

    @property
    def key(self) -> str:
        about = self.finding.subject
        return f"{self.finding.rule}/{about.kind}/{about.namespace}/{about.name}/{self.finding.summary}"

    @property
    def ref(self) -> Ref:
        return self.finding.subject

    @property
    def dim(self) -> bool:
        return False

    @property
    def remark(self) -> Span | None:
        return None

    @property
    def fix(self) -> Applicability | None:
        """How freely its first fix may be applied; None where there is none."""
        return self.finding.fixes[0].applicability if self.finding.fixes else None


def finding_rows(reports: Iterable[Report]) -> list[FindingRow]:
    """Each finding once, however many reports have it; roots before what follows from them."""
    seen: dict[tuple[object, ...], Finding] = {}
    for report in reports:
        for finding in report.findings:
            seen.setdefault((finding.rule, finding.subject, finding.summary), finding)
    rows = [FindingRow(finding) for finding in seen.values()]
    return sorted(rows, key=lambda row: (-row.finding.severity.rank, bool(row.finding.because)))


def finding_line(row: FindingRow) -> Line:
    """One finding in a sentence, and the command that plans its fix."""
    finding = row.finding
    follows = f"  follows from {', '.join(finding.because)}" if finding.because else ""
    return line(Span(one_line(finding.summary, _LONGEST)), Span(f"  {finding.confidence}{follows}", Tone.DIM))


def _severity(row: FindingRow) -> Cell:
    glyph, tone = severity_look(row.finding.severity)
    return Cell(f"{glyph} {row.finding.severity}", tone)


def _fix(row: FindingRow) -> Cell:
    text, tone = _FIXES[row.fix] if row.fix else ("–", Tone.DIM)
    return Cell(text, tone)


FINDING_COLUMNS: tuple[Column[FindingRow], ...] = (
    Column(
        "severity", "SEVERITY", 9, _severity, lambda row: -row.finding.severity.rank, about="error, warning or info",
    ),
    Column(
        "cause", "CAUSE", 16, lambda row: Cell(row.finding.cause, Tone.STRONG), lambda row: row.finding.cause, limit=28,
        about="the stable name of what is wrong; vops explain CAUSE says more",
    ),
    Column(
        "subject", "SUBJECT", 18, lambda row: Cell(f"{row.ref.kind.lower()}/{row.ref.name}"),
        lambda row: (row.ref.kind, row.ref.name), limit=60, keep_end=True, about="what it is said of",
    ),
    Column(
        "namespace", "NAMESPACE", 9, lambda row: Cell(row.ref.namespace or "–", Tone.DIM),
        lambda row: row.ref.namespace, limit=20, rank=4, about="where that is",
    ),
    Column("fix", "FIX", 7, _fix, lambda row: row.fix, rank=2, about="how its fix is applied; f plans it"),
    Column(
        "summary", "SUMMARY", 24, lambda row: Cell(one_line(row.finding.summary, _LONGEST)),
        lambda row: row.finding.summary, limit=_LONGEST, rank=3, about="in a sentence",
    ),
)  # fmt: skip
