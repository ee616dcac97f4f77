"""A rolling update waits for GPUs that only the same workload's old pods hold, and may not stop one of them.

What it finds
    A new pod of a Deployment is pending for want of GPUs; the holders include an older pod of the same Deployment; and
    maxUnavailable resolves to 0, so the controller keeps every old pod until a new one is ready.

Why it matters
    It never ends by itself. The defaults (25 % of 1 rounds down to 0 unavailable, up to 1 surge) do this to every
    single-replica GPU Deployment in a full cluster. Rolling back frees nothing that is needed either.

Evidence
    The strategy with its resolved numbers, the holders on each node the pod may use, and that none has a free slot.

Fix
    `fix-rollout-deadlock` sets maxSurge 0 and maxUnavailable 1: an old pod stops first. That is a brief outage where
    there is one replica, so it asks.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis import blockers, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.scheduling.gpu_exhausted import full_nodes, holder_evidence
from vops.model.resources import Pod, Workload
from vops.model.rollouts import DEFAULT_BOUND, bounds
from vops.model.snapshot import Source


@rule(
    cause="rollout-deadlock",
    branch=Branch.SCHEDULE,
    needs={Source.NODES, Source.DEPLOYMENTS},
    explains={"gpu-exhausted"},
    order=5,
)
def rollout_deadlock(replica: Replica) -> Verdict | None:
    deployment, full = replica.workload, full_nodes(replica)
    if deployment is None or not replica.placement.allowed or not full or may_stop_one(deployment):
        return None
    old = [pod for fit in full for pod in old_holders(replica, fit.name)]
    if not old:
        return None
    name, keeps = deployment.metadata.name, blockers.named(pod.metadata.name for pod in old)
    return Verdict(
        summary=f"The rollout of {name} cannot end: {replica.name} waits for a GPU that its old pod {keeps} holds, "
        "and that pod may not stop before the new one is ready",
        evidence=(_strategy(replica, deployment), *holder_evidence(replica, full), *blockers.scheduled_by(replica)),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.runbook(
                replica,
                "fix-rollout-deadlock",
                f"Let an old pod of {name} stop first (maxSurge 0, maxUnavailable 1): {_outage(deployment)}",
                Applicability.ASK,
                {},
                by_hand=("Set spec.strategy.rollingUpdate to maxSurge: 0, maxUnavailable: 1.",),
            ),
        ),
    )


def may_stop_one(deployment: Workload) -> bool:
    """Whether the controller may stop an old pod before a new one is ready."""
    wanted = _replicas(deployment)
    limits = bounds(deployment.spec.strategy, wanted)
    return limits is None or wanted == 0 or limits.unavailable > 0


def old_holders(replica: Replica, node: str) -> Iterator[Pod]:
    """Pods of the same Deployment and an older template that hold GPUs on a node and are not on their way out."""
    for pod in replica.placement.holders(node, replica.placement.gpu_resource):
        _, owner = replica.facts.owners.of(pod)
        same = owner is not None and owner == replica.owner
        if same and pod.metadata.deletion_timestamp is None and _older(pod, replica.pod):
            yield pod


def _older(pod: Pod, new: Pod) -> bool:
    """Whether a pod is of another template, made before the new one's."""
    label = "pod-template-hash"
    if pod.metadata.labels.get(label) == new.metadata.labels.get(label):
        return False
    made, then = pod.metadata.creation_timestamp, new.metadata.creation_timestamp
    return made is None or then is None or made <= then


def _replicas(deployment: Workload) -> int:
    return 1 if deployment.spec.replicas is None else deployment.spec.replicas


def _strategy(replica: Replica, deployment: Workload) -> Evidence:
    strategy, wanted = deployment.spec.strategy, _replicas(deployment)
    rolling, limits = strategy.rolling_update, bounds(strategy, wanted)
    given = rolling.max_unavailable if rolling and rolling.max_unavailable is not None else f"{DEFAULT_BOUND} (default)"
    counts = f" = {limits.unavailable}, maxSurge {limits.surge}" if limits else ""
    observed = f"maxUnavailable {given} of {wanted}{counts}"
    return evidence.owner_field(replica, "spec.strategy", observed, expected="maxUnavailable 1 or more")


def _outage(deployment: Workload) -> str:
    wanted = _replicas(deployment)
    return "no replica serves meanwhile" if wanted == 1 else f"one replica of {wanted} fewer meanwhile"
