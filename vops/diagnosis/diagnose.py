"""The diagnosis: asks the rules that apply, ranks what they say, and tells what could not be asked.

The order is that of a pod's life: what blocks it earliest comes first, and a finding that follows from another says so.
A replica that is ready, or loading within its budget, has no findings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from functools import cache

import msgspec

from vops.diagnosis.discretion import discreet
from vops.diagnosis.facts import DaemonFacts, Facts, Replica, ScalerFacts, WorkloadFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Finding, Fix, Report, Severity, Skipped
from vops.diagnosis.guesses.candidates import candidates
from vops.diagnosis.guesses.unknown import unknown
from vops.diagnosis.logs.claims import entitled, first_claim
from vops.diagnosis.rule import Branch, Rule, Subject, Verdict, branches, discover
from vops.diagnosis.serving.slowness import slowness
from vops.diagnosis.starting.containers import called, to_examine
from vops.diagnosis.states import ReplicaState
from vops.diagnosis.summaries import scaler_state, scaler_summary, state_summary, workload_state, workload_summary
from vops.model.objects import Ref
from vops.model.resources import Workload
from vops.model.snapshot import Source

_CONFIDENCES = tuple(Confidence)
_LAST = len(Branch)
_UNKNOWN = "unknown"

_RECENT = timedelta(hours=1)
"""How long the last death of a server that is ready again is worth a word."""


def diagnose(facts: Facts, subject: Ref, rules: Sequence[Rule] | None = None) -> Report:
    """What is wrong with a pod, with a Deployment or StatefulSet and its replicas, or with an autoscaler.

    A subject that the snapshot does not hold has the state `absent` and no findings.
    """
    asked = discover() if rules is None else rules
    if subject.kind in ("Deployment", "StatefulSet"):
        workload = facts.workload(subject.kind, subject.namespace, subject.name)
        return _absent(facts, subject) if workload is None else _workload_report(facts, workload, asked)
    if subject.kind in ("ScaledObject", "HorizontalPodAutoscaler"):
        scaler = facts.scaler(subject.kind, subject.namespace, subject.name)
        return _absent(facts, subject) if scaler is None else _scaler_report(facts, scaler, asked)
    if subject.kind == "DaemonSet":
        daemon = facts.daemon(subject.namespace, subject.name)
        return _absent(facts, subject) if daemon is None else _daemon_report(facts, daemon, asked)
    pod = facts.pods.get((subject.namespace, subject.name))
    replica = facts.replica_of_pod(pod) if pod is not None else None
    return _absent(facts, subject) if replica is None else _replica_report(facts, replica, asked)


def diagnose_workload(facts: Facts, workload: Workload, rules: Sequence[Rule] | None = None) -> Report:
    """What is wrong with a Deployment or StatefulSet, whether or not anything shows that it runs vLLM."""
    return _workload_report(facts, facts.workload_of(workload), discover() if rules is None else rules)


def diagnose_all(facts: Facts, rules: Sequence[Rule] | None = None) -> list[Report]:
    """A report for each replica, and for each workload, autoscaler and GPU exporter with findings; the worst first."""
    asked = discover() if rules is None else rules
    reports = [_replica_report(facts, replica, asked) for replica in facts.replicas]
    follows: dict[Ref, Collection[str]] = {}
    for workload in facts.workloads:
        findings, skipped = examine(workload, asked)
        explained = _explained(findings, asked)
        follows |= {replica.ref: explained for replica in workload.replicas if explained}
        if findings or not workload.replicas:
            summary = findings[0].summary if findings else workload_summary(workload)
            reports.append(_report(facts, workload.ref, workload_state(workload), summary, findings, skipped))
    others = [_scaler_report(facts, scaler, asked) for scaler in facts.scalers if examine(scaler, asked)[0]]
    others += [_daemon_report(facts, daemon, asked) for daemon in facts.daemons]
    everything = [*reports, *(report for report in others if report.findings)]
    return sorted(everything, key=lambda report: _calm(report, follows.get(report.subject, ())))


def _calm(report: Report, explained: Collection[str]) -> tuple[int, bool]:
    """The less is wrong, the higher; what follows from a finding about the whole comes after that."""
    worst = max((finding.severity.rank for finding in report.findings), default=-1)
    return -worst, bool(report.findings) and report.findings[0].cause in explained


def _replica_report(facts: Facts, replica: Replica, rules: Sequence[Rule]) -> Report:
    findings, skipped = examine(replica, rules)
    summary = findings[0].summary if findings else state_summary(replica)
    report = _report(facts, replica.ref, replica.state, summary, findings, skipped)
    if replica.state is not ReplicaState.READY or replica.samples is None:
        return report
    return msgspec.structs.replace(report, slowness=slowness(replica))


def _workload_report(facts: Facts, workload: WorkloadFacts, rules: Sequence[Rule]) -> Report:
    """Its own findings and those of its replicas and autoscalers, each cause once."""
    findings, skipped = _together(workload, (*workload.replicas, *workload.scalers), rules)
    summary = findings[0].summary if findings else workload_summary(workload)
    return _report(facts, workload.ref, workload_state(workload), summary, findings, skipped)


def _together(
    whole: Subject, parts: Iterable[Subject], rules: Sequence[Rule]
) -> tuple[tuple[Finding, ...], tuple[Skipped, ...]]:
    """The findings of a subject and of its parts, which may follow from it, each cause once."""
    own, skipped = examine(whole, rules)
    explained = _explained(own, rules)
    found = [examine(part, rules) for part in parts]
    others = [
        msgspec.structs.replace(item, because=(explained[item.cause],))
        if item.cause in explained and not item.because
        else item
        for findings, _ in found
        for item in findings
    ]
    missing = (*skipped, *(item for _, items in found for item in items))
    return _merged([*own, *others], _ranks(rules)), tuple(dict.fromkeys(missing))


def _explained(findings: Iterable[Finding], rules: Sequence[Rule]) -> dict[str, str]:
    """The causes that follow from these findings, each with the rule that says so."""
    ruling = {finding.rule for finding in findings}
    return {cause: item.name for item in rules if item.name in ruling for cause in item.explains}


def _scaler_report(facts: Facts, scaler: ScalerFacts, rules: Sequence[Rule]) -> Report:
    """Its own findings; where it has asked for replicas that wait for a node, what keeps those is the answer."""
    workload = scaler.workload
    late = [item for item in workload.replicas if item.state is ReplicaState.PENDING] if workload is not None else []
    findings, skipped = _together(scaler, late, rules)
    summary = findings[0].summary if findings else scaler_summary(scaler)
    return _report(facts, scaler.ref, scaler_state(scaler), summary, findings, skipped)


def _daemon_report(facts: Facts, daemon: DaemonFacts, rules: Sequence[Rule]) -> Report:
    findings, skipped = examine(daemon, rules)
    summary = findings[0].summary if findings else daemon.summary
    return _report(facts, daemon.ref, daemon.state, summary, findings, skipped)


def _absent(facts: Facts, subject: Ref) -> Report:
    status = facts.snapshot.source(Source.PODS)
    why = "" if status.usable else f": pods could not be read ({status.detail or status.state})"
    return _report(facts, subject, "absent", f"{subject} is not there{why}", (), ())


def _report(
    facts: Facts, subject: Ref, state: str, summary: str, findings: tuple[Finding, ...], skipped: tuple[Skipped, ...]
) -> Report:
    snapshot = facts.snapshot
    at = snapshot.at.isoformat().replace("+00:00", "Z")
    return discreet(Report(at, snapshot.context, subject, str(state), summary, findings, skipped))


def examine(subject: Subject, rules: Iterable[Rule]) -> tuple[tuple[Finding, ...], tuple[Skipped, ...]]:
    """Every finding about one subject, the root cause first, and the rules that could not be asked.

    Of a pod whose init containers or sidecars are in trouble, those are looked at like the server itself.
    """
    views: tuple[Subject, ...] = to_examine(subject) if isinstance(subject, Replica) else (subject,)
    results = [_examine_one(view, rules) for view in views]
    findings: dict[str, Finding] = {}
    for finding in sorted((item for found, _ in results for item in found), key=lambda item: item.cause == _UNKNOWN):
        findings.setdefault(finding.cause, finding)
    found = tuple(findings.values())
    if isinstance(views[0], Replica):
        found += candidates(views[0], found)
    return found, tuple(dict.fromkeys(item for _, missing in results for item in missing))


def _examine_one(subject: Subject, rules: Iterable[Rule]) -> tuple[tuple[Finding, ...], tuple[Skipped, ...]]:
    verdicts: list[tuple[Rule, Verdict]] = []
    skipped: list[tuple[Rule, Skipped]] = []
    for item in applicable(subject, rules):
        missing = _missing(subject, item)
        if missing is not None:
            skipped.append((item, missing))
        elif (verdict := _asked(subject, item, verdicts)) is not None:
            verdicts.append((item, verdict))
    findings = _ranked(subject, _one_per_cause(first_claim(verdicts)))
    if not findings and isinstance(subject, Replica) and (fallback := unknown(subject)) is not None:
        findings = (fallback,)
    proven = min(
        (item.branch.rank for item, verdict in verdicts if verdict.confidence is Confidence.CERTAIN), default=_LAST
    )
    return findings, tuple(missing for item, missing in skipped if item.branch.rank <= proven)


def _asked(subject: Subject, item: Rule, verdicts: Sequence[tuple[Rule, Verdict]]) -> Verdict | None:
    """What a rule says; one of last resort is asked only when no other has spoken."""
    return None if item.last_resort and verdicts else item.check(subject)


def applicable(subject: Subject, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules of the branches that apply; of deaths, a server that is ready again hears only of a recent one."""
    active = branches(subject)
    found = tuple(
        sorted(
            (item for item in rules if isinstance(subject, item.of) and item.branch in active),
            key=lambda item: item.last_resort,
        )
    )
    if isinstance(subject, Replica) and subject.state is ReplicaState.READY:
        lately = _died_lately(subject)
        found = tuple(item for item in found if item.branch is Branch.TRAFFIC or (lately and item.even_when_ready))
    return entitled(subject, found)


def _died_lately(replica: Replica) -> bool:
    death = replica.last_death
    if death is None or death.finished_at is None:
        return False
    return replica.facts.snapshot.at - death.finished_at <= _RECENT


@cache
def _in_order(needs: frozenset[Source]) -> tuple[Source, ...]:
    return tuple(sorted(needs))


def _missing(subject: Subject, item: Rule) -> Skipped | None:
    """What keeps a rule from being asked; logs are missing when this replica's own were not read."""
    for source in _in_order(item.needs):
        if source is Source.LOGS and isinstance(subject, Replica) and subject.death_log is not None:
            continue
        status = subject.facts.snapshot.source(source)
        if not status.usable:
            return Skipped(item.name, source, status.detail or status.state)
    logs = Source.LOGS in item.needs and item.branch is Branch.DIED
    if logs and isinstance(subject, Replica) and subject.death_log is None:
        unread = subject.facts.snapshot.source(Source.LOGS).detail
        return Skipped(item.name, Source.LOGS, unread or "the log of the instance that ended is not there")
    return None


def _one_per_cause(verdicts: Iterable[tuple[Rule, Verdict]]) -> list[tuple[Rule, Verdict]]:
    """The first verdict for each cause: rules come in the order of the tree."""
    first: dict[str, tuple[Rule, Verdict]] = {}
    for item, verdict in verdicts:
        first.setdefault(item.cause, (item, verdict))
    return list(first.values())


def _ranked(subject: Subject, verdicts: Sequence[tuple[Rule, Verdict]]) -> tuple[Finding, ...]:
    """Findings in the order of the tree, those that follow from others last.

    What a state that is no fault explains is no fault either, and no finding.
    """
    explained = {cause: item.name for item, _ in verdicts for cause in item.explains}
    passing = {cause for item, verdict in verdicts if verdict.severity is Severity.INFO for cause in item.explains}
    found = [
        (item.cause in explained, item.branch.rank, item.order, _finding(subject, item, verdict, explained))
        for item, verdict in verdicts
        if item.cause not in passing
    ]
    return tuple(finding for *_, finding in sorted(found, key=lambda entry: entry[:3]))


def _finding(subject: Subject, item: Rule, verdict: Verdict, explained: dict[str, str]) -> Finding:
    severity = verdict.severity
    recovered = isinstance(subject, Replica) and subject.state in (ReplicaState.READY, ReplicaState.LOADING)
    if recovered and item.branch is Branch.DIED and severity is Severity.ERROR:
        severity = Severity.WARNING
    return Finding(
        rule=item.name,
        cause=item.cause,
        severity=severity,
        confidence=verdict.confidence,
        subject=subject.ref,
        summary=_naming_the_container(subject, verdict.summary),
        evidence=_each_once(verdict.evidence),
        because=(explained[item.cause],) if item.cause in explained else (),
        fixes=tuple(_cautious(fix, verdict.confidence) for fix in verdict.fixes),
    )


def _each_once(shown: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence without what another piece of the same place says whole."""
    return tuple(item for at, item in enumerate(shown) if not any(_within(item, other) for other in shown[:at]))


def _within(item: Evidence, other: Evidence) -> bool:
    same = (item.source, item.where, item.expected) == (other.source, other.where, other.expected)
    return same and item.observed in other.observed


def _naming_the_container(subject: Subject, summary: str) -> str:
    """A summary that says which container it is about, when that is not the server."""
    name = called(subject) if isinstance(subject, Replica) else ""
    return summary if not name or name in summary else f"{summary} ({name})"


def _cautious(fix: Fix, confidence: Confidence) -> Fix:
    """A fix for what is not proven is offered, never applied after one glance."""
    sure = _CONFIDENCES.index(confidence) <= _CONFIDENCES.index(Confidence.STRONG)
    if sure or fix.applicability is not Applicability.SAFE:
        return fix
    return msgspec.structs.replace(fix, applicability=Applicability.ASK)


def _ranks(rules: Iterable[Rule]) -> dict[str, tuple[int, int]]:
    """Where each rule stands in the tree."""
    return {item.name: (item.branch.rank, item.order) for item in rules}


def _merged(findings: Iterable[Finding], ranks: dict[str, tuple[int, int]]) -> tuple[Finding, ...]:
    """One finding per cause, with how many more subjects it holds for.

    What is found of one replica is no guess about another.
    What follows from another comes last; then the worst and the most frequent first, and those of earlier branches.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda item: item.guessed):
        if finding.guessed and not all(item.guessed for item in groups.get(finding.cause, ())):
            continue
        groups.setdefault(finding.cause, []).append(finding)

    def place(group: list[Finding]) -> tuple[bool, int, int, tuple[int, int]]:
        first = group[0]
        return bool(first.because), -first.severity.rank, -len(group), ranks.get(first.rule, (_LAST, 0))

    merged = []
    for group in sorted(groups.values(), key=place):
        more = f" (and {len(group) - 1} more replicas)" if len(group) > 1 else ""
        merged.append(msgspec.structs.replace(group[0], summary=group[0].summary + more))
    return tuple(merged)
