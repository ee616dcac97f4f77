"""The diagnosis: asks the rules that apply, ranks what they say, and tells what could not be asked.

The order is that of a pod's life: what blocks it earliest comes first, and a finding that follows from another says so.
A replica that is ready, or loading within its budget, has no findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec

from vops.diagnosis.facts import Facts, Replica, WorkloadFacts
from vops.diagnosis.findings import Applicability, Confidence, Finding, Fix, Report, Severity, Skipped
from vops.diagnosis.rule import Branch, Rule, Verdict, branches, discover
from vops.diagnosis.states import ReplicaState
from vops.diagnosis.summaries import state_summary, workload_state, workload_summary
from vops.diagnosis.unknown import unknown
from vops.model.resources import Ref
from vops.model.snapshot import Source

_CONFIDENCES = tuple(Confidence)
_LAST = len(Branch)

_RECENT = timedelta(hours=1)
"""How long the last death of a server that is ready again is worth a word."""


def diagnose(facts: Facts, subject: Ref, rules: Sequence[Rule] | None = None) -> Report:
    """What is wrong with a pod, or with the replicas of a Deployment or StatefulSet.

    A subject that the snapshot does not hold has the state `absent` and no findings.
    """
    asked = discover() if rules is None else rules
    if subject.kind in ("Deployment", "StatefulSet"):
        workload = facts.workload(subject.kind, subject.namespace, subject.name)
        return _absent(facts, subject) if workload is None else _workload_report(facts, workload, asked)
    pod = facts.pods.get((subject.namespace, subject.name))
    replica = facts.replica_of_pod(pod) if pod is not None else None
    return _absent(facts, subject) if replica is None else _replica_report(facts, replica, asked)


def _replica_report(facts: Facts, replica: Replica, rules: Sequence[Rule]) -> Report:
    findings, skipped = examine(replica, rules)
    summary = findings[0].summary if findings else state_summary(replica)
    return _report(facts, replica.ref, replica.state, summary, findings, skipped)


def _workload_report(facts: Facts, workload: WorkloadFacts, rules: Sequence[Rule]) -> Report:
    """The findings of all its replicas, each cause once."""
    found = [examine(replica, rules) for replica in workload.replicas]
    findings = _merged([finding for findings, _ in found for finding in findings])
    skipped = tuple(dict.fromkeys(item for _, items in found for item in items))
    summary = findings[0].summary if findings else workload_summary(workload)
    return _report(facts, workload.ref, workload_state(workload), summary, findings, skipped)


def _absent(facts: Facts, subject: Ref) -> Report:
    status = facts.snapshot.source(Source.PODS)
    why = "" if status.usable else f": pods could not be read ({status.detail or status.state})"
    return _report(facts, subject, "absent", f"{subject} is not there{why}", (), ())


def _report(
    facts: Facts, subject: Ref, state: str, summary: str, findings: tuple[Finding, ...], skipped: tuple[Skipped, ...]
) -> Report:
    snapshot = facts.snapshot
    at = snapshot.at.isoformat().replace("+00:00", "Z")
    return Report(at, snapshot.context, subject, str(state), summary, findings, skipped)


def examine(replica: Replica, rules: Iterable[Rule]) -> tuple[tuple[Finding, ...], tuple[Skipped, ...]]:
    """Every finding about one replica, the root cause first, and the rules that could not be asked."""
    verdicts: list[tuple[Rule, Verdict]] = []
    skipped: list[tuple[Rule, Skipped]] = []
    for item in applicable(replica, rules):
        missing = _missing(replica, item)
        if missing is not None:
            skipped.append((item, missing))
        elif (verdict := item.check(replica)) is not None:
            verdicts.append((item, verdict))
    findings = _ranked(replica, _one_per_cause(verdicts))
    if not findings and (fallback := unknown(replica)) is not None:
        findings = (fallback,)
    proven = min(
        (item.branch.rank for item, verdict in verdicts if verdict.confidence is Confidence.CERTAIN), default=_LAST
    )
    return findings, tuple(missing for item, missing in skipped if item.branch.rank <= proven)


def applicable(replica: Replica, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules of the branches that apply; a server that is ready again hears only those about a recent death."""
    active = branches(replica)
    if replica.state is ReplicaState.READY:
        active = active if _died_lately(replica) else frozenset()
        return tuple(item for item in rules if item.branch in active and item.even_when_ready)
    return tuple(item for item in rules if item.branch in active)


def _died_lately(replica: Replica) -> bool:
    death = replica.last_death
    if death is None or death.finished_at is None:
        return False
    return replica.facts.snapshot.at - death.finished_at <= _RECENT


def _missing(replica: Replica, item: Rule) -> Skipped | None:
    """What keeps a rule from being asked; logs are missing when this replica's own were not read."""
    for source in sorted(item.needs):
        status = replica.facts.snapshot.source(source)
        if not status.usable:
            return Skipped(item.name, source, status.detail or status.state)
    if Source.LOGS in item.needs and item.branch is Branch.DIED and replica.death_log is None:
        return Skipped(item.name, Source.LOGS, "the log of the instance that ended is not there")
    return None


def _one_per_cause(verdicts: Iterable[tuple[Rule, Verdict]]) -> list[tuple[Rule, Verdict]]:
    """The first verdict for each cause: rules come in the order of the tree."""
    first: dict[str, tuple[Rule, Verdict]] = {}
    for item, verdict in verdicts:
        first.setdefault(item.cause, (item, verdict))
    return list(first.values())


def _ranked(replica: Replica, verdicts: Sequence[tuple[Rule, Verdict]]) -> tuple[Finding, ...]:
    explained = {cause: item.name for item, _ in verdicts for cause in item.explains}
    found = [
        (item.cause in explained, item.branch.rank, item.order, _finding(replica, item, verdict, explained))
        for item, verdict in verdicts
    ]
    return tuple(finding for *_, finding in sorted(found, key=lambda entry: entry[:3]))


def _finding(replica: Replica, item: Rule, verdict: Verdict, explained: dict[str, str]) -> Finding:
    severity = verdict.severity
    if replica.state in (ReplicaState.READY, ReplicaState.LOADING) and severity is Severity.ERROR:
        severity = Severity.WARNING
    return Finding(
        rule=item.name,
        cause=item.cause,
        severity=severity,
        confidence=verdict.confidence,
        subject=replica.ref,
        summary=verdict.summary,
        evidence=verdict.evidence,
        because=(explained[item.cause],) if item.cause in explained else (),
        fixes=tuple(_cautious(fix, verdict.confidence) for fix in verdict.fixes),
    )


def _cautious(fix: Fix, confidence: Confidence) -> Fix:
    """A fix for what is not proven is offered, never applied after one glance."""
    sure = _CONFIDENCES.index(confidence) <= _CONFIDENCES.index(Confidence.STRONG)
    if sure or fix.applicability is not Applicability.SAFE:
        return fix
    return msgspec.structs.replace(fix, applicability=Applicability.ASK)


def _merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding per cause, with how many more replicas it holds for; the most frequent root causes first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.cause, []).append(finding)
    merged = []
    for group in sorted(groups.values(), key=lambda items: (bool(items[0].because), -len(items))):
        more = f" (and {len(group) - 1} more replicas)" if len(group) > 1 else ""
        merged.append(msgspec.structs.replace(group[0], summary=group[0].summary + more))
    return tuple(merged)
