"""What the texts of a bundle sound like: findings from words alone, where rules find nothing or are not sure.

Objects that a cluster has seen tell more than words: where they say that all is well, nothing is asked, and what they
prove is not disputed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from vops.diagnosis.discretion import discreet
from vops.diagnosis.findings import Confidence, Finding, Report, Severity
from vops.diagnosis.guesses.likened import beside, likened
from vops.diagnosis.guesses.likeness import excerpt
from vops.diagnosis.states import ReplicaState
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.model.text import scrub
from vops.operations.intake.bundle_files import NOTHING_HAPPENED, BundleFile, Content
from vops.operations.intake.bundle_nameless import NOT_NAMED

_UNKNOWN = "unknown"
_WELL = (ReplicaState.READY, ReplicaState.LOADING, ReplicaState.COMPLETED)


def words_of(files: Iterable[BundleFile]) -> str:
    """What people and programs wrote in the files of a bundle, each once although it may have been taken apart."""
    written = dict.fromkeys((file.name, file.written) for file in files)
    return "\n".join(excerpt(scrub(body.decode("utf-8-sig", "replace"))) for _, body in written if body)


def _is_json(file: BundleFile) -> bool:
    """Whether it is objects as an API or a cloud answers them, which nobody writes of a failure."""
    return file.content is Content.OBJECTS and file.body.lstrip()[:1] in (b"{", b"[")


def with_likenesses(
    reports: Sequence[Report],
    files: Sequence[BundleFile],
    words: Callable[[], str],
    snapshot: ClusterSnapshot,
    made_up: Collection[Ref],
) -> list[Report]:
    """The reports, with what the `words` of the files sound like where that tells more; they are asked for only then.

    `made_up` subjects stand for texts.
    """
    if any(_is_well(report, made_up) for report in reports):
        return [*reports]
    failing = [report for report in reports if any(map(_is_known, report.findings))]
    failing = failing or [report for report in reports if _unguessed(report)]
    if not failing:
        explains = all(file.body == NOTHING_HAPPENED for file in files)
        return _heard_alone(reports, words(), snapshot, explains=explains)
    causes = {_unguessed(report)[0].cause for report in failing}
    disputed = causes == {_UNKNOWN} or (len(causes) == 1 and not any(map(_is_json, files)))
    return [_weighed(item, words) if disputed and item is failing[0] else item for item in reports]


def _heard_alone(reports: Sequence[Report], text: str, snapshot: ClusterSnapshot, *, explains: bool) -> list[Report]:
    """What a text sounds like in which no rule finds anything."""
    first, *others = reports or (_of_nobody(snapshot),)
    found = likened(first.subject, text, explains=explains)
    if not found:
        return [*reports]
    state = _UNKNOWN if first.state in _WELL else first.state
    return [_saying(msgspec.structs.replace(first, state=state), found), *others]


def _weighed(report: Report, words: Callable[[], str]) -> Report:
    """What rules found in a text, and what its words go with where that is something else."""
    rules = _unguessed(report)
    if rules[0].confidence is Confidence.CERTAIN or rules[0].severity is Severity.INFO:
        return report
    findings = beside(rules, words())
    return _saying(report, findings) if findings != rules else report


def _saying(report: Report, findings: tuple[Finding, ...]) -> Report:
    return discreet(msgspec.structs.replace(report, summary=findings[0].summary, findings=findings))


def _unguessed(report: Report) -> tuple[Finding, ...]:
    """What rules found, that no rule knows it among that: what it may be by less than words is left out."""
    return tuple(item for item in report.findings if not item.guessed)


def _is_known(item: Finding) -> bool:
    return item.cause != _UNKNOWN and not item.guessed


def _is_well(report: Report, made_up: Collection[Ref]) -> bool:
    """Whether a cluster has seen that a pod is well."""
    return not report.findings and report.subject not in made_up and report.state in _WELL


def _of_nobody(snapshot: ClusterSnapshot) -> Report:
    at = snapshot.at.isoformat().replace("+00:00", "Z")
    return Report(at, snapshot.context, Ref("Pod", NOT_NAMED), _UNKNOWN, "")
