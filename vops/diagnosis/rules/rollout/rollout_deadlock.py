"""A rolling update waits for room that only the same workload's old pods take, and may not stop one of them.

What it finds
    A new pod of a Deployment is pending for want of GPUs (or CPU, memory, a host port, or a node of its own by
    anti-affinity) that older pods of the same Deployment hold; and maxUnavailable resolves to 0, so the controller
    keeps every old pod until a new one is ready. Where nodes cannot be read, the scheduler's word and the old pod make
    it probable.

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

from collections.abc import Sequence

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.demands import gpu_request, is_gpu
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import AGAINST_OLD, OF_A_ROLLOUT
from vops.diagnosis.placement.spoken import leading
from vops.diagnosis.placement.succession import makes_room, may_stop_one, outage, predecessors, strategy_evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.scheduling.gpu_exhausted import full_nodes, holder_evidence
from vops.diagnosis.states import is_terminal
from vops.model.pods import Pod
from vops.model.resources import Workload
from vops.model.snapshot import Source


@rule(
    cause="rollout-deadlock",
    branch=Branch.SCHEDULE,
    needs={Source.NODES, Source.DEPLOYMENTS},
    explains={"gpu-exhausted", "spread-or-affinity", "cpu-memory-short"},
    order=5,
)
def rollout_deadlock(replica: Replica) -> Verdict | None:
    deployment = replica.workload
    if deployment is None or deployment.kind != "Deployment" or may_stop_one(deployment) or replica.settles:
        return None
    old = _holding(replica)
    if not old:
        return None
    found = holder_evidence(replica, full_nodes(replica)) or _old(old)
    return _verdict(replica, deployment, old, _what(replica), found, Confidence.CERTAIN)


@rule(cause="rollout-deadlock", branch=Branch.SCHEDULE, needs={Source.DEPLOYMENTS}, explains={"gpu-exhausted"}, order=6)
def said_rollout_deadlock(replica: Replica) -> Verdict | None:
    deployment = replica.workload
    short = any(is_gpu(reason.resource) for reason in leading(replica))
    if not short or deployment is None or deployment.kind != "Deployment" or may_stop_one(deployment):
        return None
    running = (pod for pod in replica.facts.snapshot.pods if pod.spec.node_name and not is_terminal(pod))
    old = [pod for pod in predecessors(replica, running) if gpu_request(pod) >= replica.placement.gpus]
    if not old and not _counts_old(replica, deployment):
        return None
    return _verdict(replica, deployment, old, "a GPU", _old(old), Confidence.PROBABLE)


@rule(cause="rollout-deadlock", branch=Branch.SCHEDULE, explains={"gpu-exhausted", "cpu-memory-short"}, order=7)
def told_rollout_deadlock(replica: Replica) -> Verdict | None:
    """A rollout of which somebody tells that the new pod waits for the GPU, or the room, of the old one."""
    said = replica.placement.scheduler
    if said is None or not AGAINST_OLD.search(said.text):
        return None
    short = {reason.resource for reason in leading(replica)}
    gpu = any(map(is_gpu, short))
    if not gpu and not (short & {"cpu", "memory"} and OF_A_ROLLOUT.search(said.text)):
        return None
    what = "a GPU" if gpu else "room"
    return Verdict(
        summary=f"The rollout of {replica.name} may be unable to end: it waits for {what} that the old pod keeps",
        evidence=blockers.scheduled_by(replica),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.by_steps(
                replica,
                "Let an old pod stop first",
                (
                    "Set spec.strategy.rollingUpdate to maxSurge: 0, maxUnavailable: 1, or spec.strategy.type to "
                    "Recreate.",
                ),
            ),
        ),
    )


def _verdict(
    replica: Replica,
    deployment: Workload,
    old: Sequence[Pod],
    what: str,
    found: tuple[Evidence, ...],
    confidence: Confidence,
) -> Verdict:
    name, keeps = deployment.metadata.name, blockers.named(pod.metadata.name for pod in old) if old else ""
    return Verdict(
        summary=f"The rollout of {name} cannot end: {replica.name} waits for {what} that its old pod "
        f"{keeps}{' ' if keeps else ''}holds, and that pod may not stop before the new one is ready",
        evidence=(strategy_evidence(replica, deployment), *found, *blockers.scheduled_by(replica)),
        confidence=confidence,
        fixes=(
            remedies.runbook(
                replica,
                "fix-rollout-deadlock",
                f"Let an old pod of {name} stop first (maxSurge 0, maxUnavailable 1): {outage(deployment)}",
                Applicability.ASK,
                {},
                by_hand=("Set spec.strategy.rollingUpdate to maxSurge: 0, maxUnavailable: 1.",),
            ),
        ),
    )


def _counts_old(replica: Replica, deployment: Workload) -> bool:
    """Whether the status counts an old pod that serves, of one that was handed in without its other pods."""
    status, mates = deployment.status, replica.facts.workload_of(deployment).replicas
    return (
        len(mates) < status.replicas and 0 < status.updated_replicas < status.replicas and status.available_replicas > 0
    )


def _holding(replica: Replica) -> list[Pod]:
    """The old pods that hold what the new one waits for, on nodes that it may use and that have no room otherwise."""
    placement = replica.placement
    if placement.fitting or not all(fit.obstacles for fit in placement.allowed):
        return []
    full = full_nodes(replica)
    if full and placement.allowed:
        held = [pod for fit in full for pod in placement.holders(fit.name, placement.gpu_resource)]
        return predecessors(replica, held)
    return [pod for fit in placement.allowed for pod in _in_the_way(replica, fit)]


def _in_the_way(replica: Replica, fit: NodeFit) -> list[Pod]:
    old = predecessors(replica, replica.placement.around.rooms[fit.name].pods)
    return old if makes_room(replica, fit, old) else []


def _what(replica: Replica) -> str:
    if full_nodes(replica):
        return "a GPU"
    fits = replica.placement.allowed
    if any(fit.repulsions for fit in fits):
        return "the node (by anti-affinity)"
    return "a host port" if any(fit.ports for fit in fits) else "the room"


def _old(pods: Sequence[Pod]) -> tuple[Evidence, ...]:
    return tuple(Evidence("pod", f"{pod.metadata.name} spec.nodeName", pod.spec.node_name) for pod in pods)
