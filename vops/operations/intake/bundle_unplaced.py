"""Reports about what has no namespace, since nobody said which: with words that can be read in its place."""

from __future__ import annotations

import re

import msgspec

from vops.diagnosis.findings import Finding, Fix, Report

_OPTION = "-n  "
_PLACE = re.compile(r"\b(in|of) (?=[ ,.;:]|$)")


def unplaced(report: Report) -> Report:
    """The report, with words where its subject's namespace would stand; as it is where that is known."""
    if report.subject.namespace:
        return report
    return msgspec.structs.replace(
        report, summary=_worded(report.summary), findings=tuple(map(_finding, report.findings))
    )


def _finding(item: Finding) -> Finding:
    return msgspec.structs.replace(item, summary=_worded(item.summary), fixes=tuple(map(_fix, item.fixes)))


def _fix(fix: Fix) -> Fix:
    return msgspec.structs.replace(fix, title=_worded(fix.title), steps=tuple(map(_worded, fix.steps)))


def _worded(text: str) -> str:
    """Commands get a word to replace: `kubectl -n  get` would take `get` for the namespace."""
    return _PLACE.sub(r"\1 its namespace", text.replace(_OPTION, "-n NAMESPACE "))
