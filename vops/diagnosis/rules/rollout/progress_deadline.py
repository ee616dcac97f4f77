"""A rollout has passed its progress deadline, which says that it is slow and not that it failed.

What it finds
    The Deployment's Progressing condition is False with ProgressDeadlineExceeded, and its new pods are still on their
    way. Silent where one of them fails: that has a cause of its own.

Why it matters
    The deadline (600 s unless set) is shorter than many cold starts: pulling an image of 10 GB, downloading weights,
    compiling. It stops nothing. Rolling back because of it throws the loading away; what keeps the pods from being
    ready, if anything does, is a finding of its own.

Evidence
    The condition, progressDeadlineSeconds, and the new pods with what they are doing.

Fix
    `fix-progress-deadline`, else by hand: progressDeadlineSeconds above what a start may take (the startup probe's
    budget, a node, a reserve).
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.evidence import of_one_row
from vops.diagnosis.facts import Replica, WorkloadFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.placement import blockers
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import persists, stuck_at
from vops.diagnosis.states import LOADING_LIMIT_S, ReplicaState
from vops.model.patterns import lazy_pattern

_REASON = "ProgressDeadlineExceeded"
_DEFAULT_S = 600
_PROVISION_S = 600
_RESERVE_S = 120
_STUCK = ("FailedAttachVolume", "FailedMount", "FailedMapVolume", "FailedCreatePodSandBox")
_OF_HELM = lazy_pattern(r"Helm|(?:INSTALLATION|UPGRADE) FAILED")
_COMING = ("", "ContainerCreating", "PodInitializing")


@rule(cause="progress-deadline", branch=Branch.ROLLOUT, of=WorkloadFacts, order=60)
def progress_deadline(workload: WorkloadFacts) -> Verdict | None:
    condition = workload.workload.condition("Progressing")
    if condition is None or condition.status != "False" or condition.reason != _REASON:
        return None
    refused = workload.workload.condition("ReplicaFailure")
    if refused is not None and refused.status == "True":
        return None  # no pod may be made: that is the reason, and more time does not help
    waiting = [replica for replica in workload.replicas if replica.state is not ReplicaState.READY]
    loading = [replica for replica in waiting if _is_coming(replica)]
    if workload.replicas and (not waiting or len(loading) < len(waiting)):
        return None
    deadline = workload.workload.spec.progress_deadline_seconds or _DEFAULT_S
    still = f": {blockers.named(replica.name for replica in loading)} still load" if loading else ""
    return Verdict(
        summary=f"The rollout of {workload.name} has taken longer than {deadline} s{still}; that stops nothing, and is "
        "no reason to roll back",
        evidence=(
            Evidence(
                "deployment",
                f"{workload.name} status.conditions[Progressing]",
                of_one_row(condition.message) or _REASON,
            ),
            Evidence("deployment", f"{workload.name} spec.progressDeadlineSeconds", str(deadline)),
            *(Evidence("pod", f"{replica.name} state", str(replica.state)) for replica in waiting[:3]),
        ),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(_fix(workload, waiting, deadline),),
    )


def _is_coming(replica: Replica) -> bool:
    """Whether a new pod is on its way, as far as can be seen: what fails has a cause of its own."""
    if replica.state is ReplicaState.LOADING:
        return not replica.restarts
    waiting = replica.status.state.waiting if replica.status else None
    coming = replica.state is ReplicaState.CREATING and (waiting is None or waiting.reason in _COMING)
    stuck = stuck_at(replica, _STUCK) if coming else None
    return coming and (stuck is None or not persists(replica, stuck))


def _fix(workload: WorkloadFacts, waiting: list[Replica], deadline: int) -> Fix:
    wanted = _start_s(workload, waiting) + _PROVISION_S + _RESERVE_S
    if wanted <= deadline:
        step = f"See why the pods are not ready: vops diagnose -n {workload.namespace} deploy/{workload.name}"
        return Fix("Find what keeps the pods from being ready", Applicability.MANUAL, steps=(step,))
    return remedies.of_object(
        "fix-progress-deadline",
        f"Give the rollout {wanted} s (progressDeadlineSeconds)",
        Applicability.SAFE,
        workload.ref,
        {"seconds": wanted},
        (
            f"The start's budget, {_PROVISION_S} s for a node and its image, {_RESERVE_S} s in reserve.",
            *_helm(workload),
        ),
    )


def _helm(workload: WorkloadFacts) -> tuple[str, ...]:
    """What to tell Helm, where it was that lost its patience."""
    condition = workload.workload.condition("Progressing")
    said = condition.message if condition is not None else ""
    return ("Let Helm wait as long: --timeout, or timeout of the HelmRelease.",) if _OF_HELM.search(said) else ()


def _start_s(workload: WorkloadFacts, waiting: list[Replica]) -> int:
    """How long a start may take: the startup probe's budget, else what counts as loading at all."""
    containers = [replica.container for replica in waiting] + ([workload.container] if workload.container else [])
    probe = next((item.startup_probe for item in containers if item.startup_probe), None)
    return probe.budget_s if probe is not None else LOADING_LIMIT_S
