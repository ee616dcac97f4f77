"""What a bundle sounds like where no rule finds anything in it: findings from words alone.

Objects that a cluster has seen tell more than words: where they say that all is well, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from vops.diagnosis.discretion import discreet
from vops.diagnosis.findings import Finding, Report
from vops.diagnosis.guesses.likened import likened
from vops.diagnosis.guesses.likeness import excerpt
from vops.diagnosis.states import ReplicaState
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.model.text import scrub
from vops.operations.intake.bundle_files import NOTHING_HAPPENED, BundleFile, Content
from vops.operations.intake.bundle_nameless import NOT_NAMED

_UNKNOWN = "unknown"
_ENOUGH = 1 << 16
_WELL = (ReplicaState.READY, ReplicaState.LOADING, ReplicaState.COMPLETED)


def words_of(files: Iterable[BundleFile]) -> str:
    """What people and programs wrote in the files of a bundle: all but metrics, what an API has answered, and pages."""
    told = (file.body for file in files if _is_written(file))
    return "\n".join(excerpt(scrub(_ends(body).decode("utf-8-sig", "replace"))) for body in told)


def _is_written(file: BundleFile) -> bool:
    answered = file.content is Content.OBJECTS and file.body.lstrip()[:1] in (b"{", b"[")
    return not answered and file.content is not Content.METRICS and file.body != NOTHING_HAPPENED


def _ends(body: bytes) -> bytes:
    """Enough of a file for its excerpt: a log may be as long as memory allows."""
    return body if len(body) <= 2 * _ENOUGH else b"\n".join((body[:_ENOUGH], body[-_ENOUGH:]))


def with_likenesses(
    reports: Sequence[Report], files: Sequence[BundleFile], snapshot: ClusterSnapshot, made_up: Collection[Ref]
) -> list[Report]:
    """The reports, with what the files sound like where nothing is found; `made_up` subjects stand for texts."""
    if any(_is_well(report, made_up) for report in reports):
        return [*reports]
    if any(_is_known(item) for report in reports for item in report.findings):
        return [*reports]
    first = next((report for report in reports if report.findings), reports[0] if reports else _of_nobody(snapshot))
    found = likened(first.subject, words_of(files), unknown=bool(first.findings))
    return [_before(first, found), *(report for report in reports if report is not first)] if found else [*reports]


def _is_known(item: Finding) -> bool:
    return item.cause != _UNKNOWN and not item.guessed


def _is_well(report: Report, made_up: Collection[Ref]) -> bool:
    """Whether a cluster has seen that a pod is well."""
    return not report.findings and report.subject not in made_up and report.state in _WELL


def _of_nobody(snapshot: ClusterSnapshot) -> Report:
    at = snapshot.at.isoformat().replace("+00:00", "Z")
    return Report(at, snapshot.context, Ref("Pod", NOT_NAMED), _UNKNOWN, "")


def _before(report: Report, found: tuple[Finding, ...]) -> Report:
    """With what the words say first, and then that no rule knows it; guesses from less than words are left out."""
    unknown = tuple(item for item in report.findings if item.cause == _UNKNOWN)
    state = _UNKNOWN if report.state in _WELL else report.state
    return discreet(msgspec.structs.replace(report, state=state, summary=found[0].summary, findings=(*found, *unknown)))
