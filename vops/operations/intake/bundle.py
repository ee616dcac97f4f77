"""Diagnosis without a cluster: a bundle of objects, events, logs and metrics becomes a snapshot like any other.

What is not in the bundle is absent, never empty; what cannot be read is told of, and the rest is used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec

from vops.diagnosis import evidence
from vops.diagnosis.diagnose import diagnose, diagnose_all, diagnose_workload
from vops.diagnosis.discretion import discreet, without_secrets
from vops.diagnosis.facts import STAND_IN, Facts, pod_ref
from vops.diagnosis.findings import Report
from vops.diagnosis.guesses.engine_flags import engine_of, in_terms_of
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.memory.host_memory import OPERATORS
from vops.diagnosis.states import ReplicaState
from vops.errors import InputError
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.operations.intake.bundle_contents import Contents
from vops.operations.intake.bundle_files import STDIN, BundleFile, Content, read_files
from vops.operations.intake.bundle_likened import with_likenesses, words_of
from vops.operations.intake.bundle_nameless import NOT_NAMED, in_words, marked
from vops.operations.intake.bundle_objects import Document
from vops.operations.intake.bundle_pods import PREVIOUS, split_previous
from vops.operations.intake.bundle_quoted import as_printed
from vops.operations.intake.bundle_subjects import UNNAMED
from vops.operations.intake.bundle_unplaced import unplaced
from vops.operations.wording import printable


def diagnose_bundle(
    paths: Sequence[Path], stdin: bytes | None, *, patches: bool = False
) -> tuple[list[Report], list[str]]:
    """A report for each vLLM replica of a bundle (each pod, when none is one) and for what else is wrong in it, the
    worst first; and what could not be used. With `patches` the fixes have the JSON Patch that they come to.

    Raises InputError for a path that does not exist and for a bundle without anything that can be used.
    """
    files, problems = read_files(paths, stdin)
    files = _of_nobody(files)
    snapshot, documents = _read(files, problems, paths)
    usable = _is_usable(snapshot)
    snapshot = marked(snapshot)
    reports = _reports(snapshot)
    made_up, words = _made_up(snapshot), cache(lambda: words_of(files))
    # a list of events has those of others as well
    reports.sort(key=lambda report: report.subject in made_up and not _recognised(report))
    reports = list(map(unplaced, with_likenesses(reports, files, words, snapshot, made_up)))
    reports = [as_printed(report, files) for report in reports]
    if not usable and not any(report.findings for report in reports):
        raise _of_no_use(problems, paths, stdin)
    if not reports:
        problems.append("the bundle holds no pod and no log of one: there is nothing to diagnose")
    if patches:
        from vops.operations.patches import with_patches_of  # with runbooks and the cluster's clients: for few outputs

        reports = with_patches_of(documents, snapshot, reports)
    return _as_told(list(map(in_words, reports)), words, made_up), list(map(without_secrets, problems))


def _as_told(reports: list[Report], words: Callable[[], str], made_up: Collection[Ref]) -> list[Report]:
    """The reports, in the words of the engine that the texts are of, where no object shows that it is vLLM."""
    seen = any(report.subject.name != NOT_NAMED and report.subject not in made_up for report in reports)
    engine = None if seen else engine_of(words())
    return reports if engine is None else [in_terms_of(engine, report) for report in reports]


def read_bundle(paths: Sequence[Path], stdin: bytes | None = None) -> tuple[ClusterSnapshot, list[str]]:
    """Files, folders and standard input as one snapshot, and what could not be used of them."""
    files, problems = read_files(paths, stdin)
    snapshot, _ = _read(files, problems, paths)
    if not _is_usable(snapshot):
        raise _of_no_use(problems, paths, stdin)
    return snapshot, problems


def _is_usable(snapshot: ClusterSnapshot) -> bool:
    return any(status.usable for status in snapshot.sources)


def _of_no_use(problems: Sequence[str], paths: Sequence[Path], stdin: bytes | None) -> InputError:
    where = ", ".join([*map(printable, paths), *([STDIN] if stdin is not None else [])])
    return InputError("; ".join(problems) or "holds nothing that can be diagnosed", path=where)


def _of_nobody(files: Sequence[BundleFile]) -> list[BundleFile]:
    """The files; the only log is not called as the pod that wrote it where its file says no more than what it is.

    That holds of a post (Markdown) that quotes a log, of standard input, and of log.txt where no object is beside it.
    """
    logs = [file for file in files if file.content is Content.LOG]
    if len(logs) != 1 or not (logs[0].name.endswith(".md") or _is_called_anything(logs[0], files)):
        return list(files)
    name = UNNAMED + PREVIOUS * split_previous(logs[0].stem)[1]
    return [msgspec.structs.replace(file, stem=name) if file is logs[0] else file for file in files]


def _is_called_anything(log: BundleFile, files: Sequence[BundleFile]) -> bool:
    """Whether a log that no object can be the owner of is called by a word for any."""
    beside = any(file.content in (Content.OBJECTS, Content.DESCRIBED) for file in files)
    return not beside and split_previous(log.stem)[0].lower() in _ANY_LOG


def _reports(snapshot: ClusterSnapshot) -> list[Report]:
    """What is wrong with each replica, else with each pod, else with each workload, and with what else there is."""
    facts = Facts(snapshot)
    reports = diagnose_all(facts)
    if not facts.replicas:
        pods = filter(None, map(facts.replica_of_pod, snapshot.pods))
        reports = [*(diagnose(facts, replica.ref) for replica in pods), *reports]
    if not reports:  # nothing is known to be vLLM: what was handed in is what is asked about
        workloads = (*snapshot.deployments, *snapshot.statefulsets)
        reports = [report for item in workloads if (report := diagnose_workload(facts, item)).findings]
    made_up = _made_up(snapshot)
    return [_seen_only(_knowing(report, facts), facts) if report.subject in made_up else report for report in reports]


def _made_up(snapshot: ClusterSnapshot) -> set[Ref]:
    return {pod_ref(pod) for pod in snapshot.pods if STAND_IN in pod.metadata.annotations}


def _read(
    files: Sequence[BundleFile], problems: list[str], paths: Sequence[Path]
) -> tuple[ClusterSnapshot, dict[Ref, Document]]:
    """The snapshot, and the documents of objects that a fix may be about; `problems` gets what could not be used."""
    contents = Contents(problems)
    for kind in (Content.OBJECTS, Content.DESCRIBED):  # descriptions have ages, objects the times that those end at
        for file in files:
            if file.content is kind:
                contents.add_objects(file)
    if not contents.nodes:
        contents.add_nodes_above(paths)
    contents.add_subjects_of_events()
    at = contents.newest or datetime.now(UTC)
    for file in files:
        if file.content is Content.LOG:
            contents.add_log(file, at)
        elif file.content is Content.DESCRIBED:
            contents.add_log_within(file, at)
        elif file.content is Content.METRICS:
            contents.add_metrics(file, at)
    return contents.snapshot(at), contents.documents


def _knowing(report: Report, facts: Facts) -> Report:
    """A report about a few lines that anybody may have written: where no rule knows them, they tell of no failure."""
    pod = facts.pods.get((report.subject.namespace, report.subject.name))
    replica = facts.replica_of_pod(pod) if pod is not None else None
    log, running = (replica.death_log, replica.log) if replica is not None else (None, None)
    if running is not None and not report.findings and running.stage is Stage.BOOT and not running.version:
        state = "unknown" if report.state == ReplicaState.LOADING else report.state
        return msgspec.structs.replace(report, state=state, summary=_ANYBODYS)
    if log is None or not log.fragment or _recognised(report):
        return report
    return msgspec.structs.replace(report, state="unknown", summary=_ANYBODYS, findings=())


def _recognised(report: Report) -> bool:
    return [item.rule for item in report.findings if not item.guessed] != ["unknown"]


def _seen_only(report: Report, facts: Facts) -> Report:
    """A report about a pod that stands for a log or for events: what its object says was seen by nobody.

    What an operator's object says of it was.
    """
    pod = facts.pods.get((report.subject.namespace, report.subject.name))
    if pod is not None and pod.metadata.annotations.get(STAND_IN, "") in OPERATORS:
        return report
    warnings = [item for item in facts.events_of(report.subject) if item.type == "Warning"]
    instead = tuple(map(evidence.event, reversed(warnings[-_SHOWN:])))
    findings = []
    for item in report.findings:
        seen = tuple(part for part in item.evidence if part.source != "pod")
        findings.append(msgspec.structs.replace(item, evidence=seen or instead))
    return discreet(msgspec.structs.replace(report, findings=tuple(findings)))


_SHOWN = 2
_ANYBODYS = (
    "Nothing in this text tells of a failure that vops knows. To learn more, hand in what these print: "
    "kubectl -n NAMESPACE describe pod POD; kubectl -n NAMESPACE logs POD, and again with --previous; "
    "kubectl -n NAMESPACE get events"
)
_ANY_LOG = frozenset(
    (
        *(STDIN, "log", "logs", "output", "out", "stdout", "stderr", "err", "error", "errors", "trace", "traceback"),
        *("console", "terminal", "server", "api", "compose", "docker", "crash", "debug", "run", "start", "startup"),
        *("previous", "current", "journal", "syslog", "messages", "dmesg", "describe", "get", "events", "pods", "pod"),
        *("paste", "pasted", "text", "post", "issue", "report", "note", "notes", "untitled", "file", "tmp"),
    )
)
"""What files are called in which somebody put any log: words for what it is, not for whose."""
