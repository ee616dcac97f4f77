"""Says a report in other words: one change to every text in it that a reader sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from vops.diagnosis.findings import Evidence, Finding, Fix, Report
from vops.model.objects import Ref


class Wording(msgspec.Struct, frozen=True):
    """How sentences, the names of subjects, and the values of a fix's parameters are said."""

    words: Callable[[str], str]
    subject: Callable[[Ref], Ref]
    param: Callable[[Any], Any]

    def of(self, report: Report) -> Report:
        """The same report, said so."""
        return msgspec.structs.replace(
            report,
            subject=self.subject(report.subject),
            summary=self.words(report.summary),
            findings=tuple(map(self._finding, report.findings)),
        )

    def _finding(self, item: Finding) -> Finding:
        return msgspec.structs.replace(
            item,
            subject=self.subject(item.subject),
            summary=self.words(item.summary),
            evidence=tuple(map(self._evidence, item.evidence)),
            fixes=tuple(map(self._fix, item.fixes)),
        )

    def _evidence(self, item: Evidence) -> Evidence:
        return Evidence(item.source, *map(self.words, (item.where, item.observed, item.expected)))

    def _fix(self, item: Fix) -> Fix:
        steps = tuple(map(self.words, item.steps))
        params = {name: self.param(value) for name, value in item.params.items()}
        return msgspec.structs.replace(item, title=self.words(item.title), steps=steps, params=params)
