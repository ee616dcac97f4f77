"""Evidence of what programs printed and people quote: an event is only shown as one where a text has its reason.

Lines of runtimes, schedulers, autoscalers and clouds are read as the events that a cluster would have written of them.
Whoever looks for such an event in their cluster finds none: it is shown as the text that it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vops.diagnosis.findings import Evidence, Finding, Report
from vops.operations.intake.bundle_files import BundleFile


def as_printed(report: Report, files: Sequence[BundleFile]) -> Report:
    """The report, with text for events of whose reason no file has a word."""
    return msgspec.structs.replace(report, findings=tuple(_finding(item, files) for item in report.findings))


def _finding(item: Finding, files: Sequence[BundleFile]) -> Finding:
    return msgspec.structs.replace(item, evidence=tuple(_evidence(part, files) for part in item.evidence))


def _evidence(item: Evidence, files: Sequence[BundleFile]) -> Evidence:
    reason, space, times = item.where.partition(" ")
    if item.source != "event" or not reason or any(_has(file, reason.encode()) for file in files):
        return item
    return msgspec.structs.replace(item, source="text", where=f"as printed{space}{times}")


def _has(file: BundleFile, reason: bytes) -> bool:
    return reason in file.body or reason in file.written
