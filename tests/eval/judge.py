"""Judges one case: whether the first finding is right, whether the first three hold it, and whether its fix is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.eval.cases import NOTHING, Case
from vops.diagnosis.findings import Finding, Report

NOT_A_FAULT = frozenset({"autoscaler-working", "loading", "healthy"})


@dataclass(frozen=True)
class Judgement:
    """`first`, `three` and `fixed` are of a case with a cause; `false` are the causes found where nothing is wrong."""

    case: Case
    found: tuple[str, ...]
    first: bool = False
    three: bool = False
    fixed: bool = False
    false: tuple[str, ...] = ()


def judged(case: Case) -> Judgement:
    findings = ranked(case.reports())
    found = tuple(dict.fromkeys(finding.cause for finding in findings))
    if case.cause in NOT_A_FAULT | {NOTHING}:
        false = tuple(cause for cause in found if cause not in NOT_A_FAULT | case.accepted)
        return Judgement(case, found, false=false)
    right = {case.cause} | case.accepted
    hit = next((finding for finding in findings if finding.cause in right), None)
    return Judgement(
        case,
        found,
        first=bool(found) and found[0] in right,
        three=bool(right & set(found[:3])),
        fixed=hit is not None and _fixes(hit, case.fix),
    )


def ranked(reports: Sequence[Report]) -> list[Finding]:
    """The findings of all reports: the worst report first, as they are printed."""
    return [finding for report in reports for finding in report.findings]


def _fixes(finding: Finding, pattern: str) -> bool:
    words = " ".join(f"{fix.title} {' '.join(fix.steps)} {fix.command}" for fix in finding.fixes)
    return bool(finding.fixes) and re.search(pattern, words, re.IGNORECASE) is not None


def share(judgements: Iterable[Judgement], what: str) -> float:
    """The share (0..1) of those for which it holds."""
    values = [bool(getattr(item, what)) for item in judgements]
    return sum(values) / len(values) if values else 1.0
