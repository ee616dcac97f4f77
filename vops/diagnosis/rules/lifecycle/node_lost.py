"""The node under the pod went away, was shut down, or does not answer.

What it finds
    Pods that the taint manager or a node's shutdown ended, that failed with NodeLost or as the node shut down, whose
    container the kubelet could not find again, and servers on nodes that are not ready.

Why it matters
    The server is not to blame. Spot nodes and maintenance end this way; a node that is merely unreachable keeps its pod
    in the list, seemingly ready, while no request gets through.

Evidence
    Pod.status, the condition DisruptionTarget, and the node's own condition.

Fix
    By hand: bring the node back or let the pod go; keep servers on nodes that are not reclaimed.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths, endings
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.objects import Condition
from vops.model.patterns import lazy_pattern
from vops.model.resources import Node
from vops.model.snapshot import Source

_REASONS = {
    "NodeLost": "is unresponsive",
    "NodeShutdown": "was shutting down",
    "Shutdown": "was shut down",
    "Terminated": "was shut down",
    "SpotInterrupted": "is taken back by its cloud",
    "InstanceTerminating": "is taken away by its cloud",
    "TerminatingOnInterruption": "is taken back by its cloud",
}
_SHUTDOWN = ("node shutdown", "node is shutting down", "shutdown manager", "Node is shutting down", "NodeShutdown")
_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SPOT_LABELS = {
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
    "kubernetes.azure.com/scalesetpriority": "spot",
}
_LOST_CONTAINERS = ("ContainerStatusUnknown",)
_BY_RAY = lazy_pattern(
    r"^Lost: |NodeDiedError|died because its node has died|has been marked dead because the detector"
)


@rule(cause="node-lost", branch=Branch.GONE, explains={"host-oom", "engine-dead"}, order=6)
def node_lost(replica: Replica) -> Verdict | None:
    said = _ended(replica)
    if said is None:
        return None
    how, shown = said
    return Verdict(
        summary=f"{replica.name} ended because {_named(replica)} {how}",
        evidence=(shown, *_node_evidence(replica)),
        confidence=Confidence.CERTAIN,
        severity=endings.severity(replica),
        fixes=(_fix(replica),),
    )


@rule(cause="node-lost", branch=Branch.TRAFFIC, order=0)
def node_lost_while_ready(replica: Replica) -> Verdict | None:
    """A server that counts as ready on a node that does not answer."""
    return _on_lost_node(replica)


@rule(cause="node-lost", branch=Branch.SERVE, order=0)
def node_lost_while_serving(replica: Replica) -> Verdict | None:
    """A server that has not been ready since its node does not answer."""
    return _on_lost_node(replica)


@rule(cause="node-lost", branch=Branch.GONE, explains={"host-oom", "engine-dead"}, order=7)
def node_lost_while_leaving(replica: Replica) -> Verdict | None:
    """A pod that cannot be removed, for the kubelet that would have to end it does not answer."""
    due = replica.pod.metadata.deletion_timestamp
    if due is None or due > replica.facts.snapshot.at:
        return None
    return _on_lost_node(replica) or _sent_away(replica)


def _sent_away(replica: Replica) -> Verdict | None:
    """A pod that is still there some time after its node was tainted so that pods have to leave."""
    told = next((item for item in reversed(replica.events) if item.reason == "TaintManagerEviction"), None)
    if told is None or not told.message.startswith("Marking") or replica.node is not None:
        return None
    return Verdict(
        summary=f"{replica.name} has to leave {_named(replica)}, which is not ready or was tainted so",
        evidence=(evidence.event(told),),
        confidence=Confidence.STRONG,
        fixes=(_fix(replica),),
    )


@rule(cause="node-lost", branch=Branch.DIED, explains={"host-oom"}, order=1)
def node_restarted(replica: Replica) -> Verdict | None:
    """A container that ended with its node or runtime, and was started again."""
    death = replica.last_death
    if death is None or not replica.observed or replica.pod.status.phase == "Failed":
        return None
    if not (death.exit_code == 255 and death.reason == "Unknown") and death.reason not in _LOST_CONTAINERS:
        return None
    return Verdict(
        summary=f"The last instance of {replica.name} ended when {_named(replica)} or its container runtime restarted",
        evidence=(*evidence.exit_status(replica), *_node_evidence(replica)),
        confidence=Confidence.STRONG,
        fixes=(_fix(replica),),
    )


@rule(cause="node-lost", branch=Branch.DIED, needs={Source.LOGS}, order=66, even_when_ready=True, signature=_BY_RAY)
def ray_node_lost(replica: Replica) -> Verdict | None:
    """A node of a Ray cluster whose raylet went away or does not answer."""
    hit = deaths.error(replica, _BY_RAY)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"Ray has lost a node of the group of {replica.name}: {deaths.quoted(hit, 140)}",
        deaths.steps(
            replica,
            "Bring the lost worker back",
            "See the pod at that address (kubectl get pods -o wide): how it ended (OOMKilled, evicted, its node gone), "
            "and its log with --previous.",
            "A group starts again as a whole: delete the head's pod when all workers are there.",
        ),
    )


def _ended(replica: Replica) -> tuple[str, Evidence] | None:
    """How the node ended the pod, and where that stands."""
    status, condition = replica.pod.status, endings.disruption(replica)
    shown = evidence.pod_field("status", f"{status.reason}: {status.message}")
    if status.reason in _REASONS and (status.reason != "Terminated" or _of_shutdown(status.message)):
        return _REASONS[status.reason], shown
    if condition is not None and (how := _by_condition(condition)):
        words = f"{condition.reason}: {condition.message}"
        return how, evidence.pod_field("status.conditions[DisruptionTarget]", words)
    death = replica.last_death
    if death is not None and death.reason in _LOST_CONTAINERS and status.phase == "Failed" and not status.reason:
        return "lost track of its container", evidence.status_field(replica, "state.terminated", death.message)
    return None


def _by_condition(condition: Condition) -> str:
    if condition.reason == "DeletionByTaintManager":
        return "was not ready, or was tainted so that pods have to leave"
    if condition.reason == "TerminationByKubelet" and _of_shutdown(condition.message):
        return "was shut down"
    if condition.reason == "DeletionByPodGC":
        return "is gone"
    return ""


def _of_shutdown(message: str) -> bool:
    return any(sign in message for sign in _SHUTDOWN)


def _on_lost_node(replica: Replica) -> Verdict | None:
    if replica.node is None:
        return _as_said(replica)
    ready = _readiness(replica.node)
    if ready is None or ready.status == "True":
        return None
    return Verdict(
        summary=f"{replica.name} is on {_named(replica)}, which is not ready: {ready.reason or 'it does not say why'}",
        evidence=tuple(_node_evidence(replica)),
        confidence=Confidence.CERTAIN,
        fixes=(_fix(replica),),
    )


def _as_said(replica: Replica) -> Verdict | None:
    """What the controller of nodes said last about the pod, where its node was not read."""
    last = next((item for item in reversed(replica.events) if item.reason not in ("Killing", "Unhealthy")), None)
    if last is None or last.reason != "NodeNotReady":
        return None
    return Verdict(
        summary=f"{replica.name} is on {_named(replica)}, which is not ready",
        evidence=(evidence.event(last),),
        confidence=Confidence.STRONG,
        fixes=(_fix(replica),),
    )


def _node_evidence(replica: Replica) -> Iterator[Evidence]:
    node = replica.node
    ready = _readiness(node) if node is not None else None
    if node is not None and ready is not None and ready.status != "True":
        words = f"{ready.status} {ready.reason}: {ready.message}"
        yield evidence.node_field(node, "status.conditions[Ready]", words, expected="True")
    if node is not None and (spot := _spot(node)):
        yield evidence.node_field(node, f"metadata.labels[{spot}]", node.metadata.labels[spot])


def _readiness(node: Node) -> Condition | None:
    return next((item for item in node.status.conditions if item.type == "Ready"), None)


def _spot(node: Node) -> str:
    """The label that says that the node may be reclaimed at any time."""
    return next((key for key, value in _SPOT_LABELS.items() if node.metadata.labels.get(key) == value), "")


def _named(replica: Replica) -> str:
    name = replica.pod.spec.node_name
    spot = "spot node" if replica.node is not None and _spot(replica.node) else "node"
    return f"{spot} {name}" if name else "its node"


def _fix(replica: Replica) -> Fix:
    name = replica.pod.spec.node_name or "NODE"
    if replica.node is not None and (spot := _spot(replica.node)):
        return remedies.by_steps(
            replica,
            "Keep enough replicas on nodes that are not reclaimed",
            (
                f"Its node is a spot node ({spot}): such nodes are taken back with a notice of 15 s to 2 min.",
                "Run the replicas that have to be there on others, and spot nodes for the rest.",
            ),
        )
    steps = [f"See the node: kubectl describe node {name}; its machine and kubelet in the cloud's console."]
    ready = _readiness(replica.node) if replica.node is not None else None
    if ready is not None and ready.status == "True" and replica.pod.status.phase != "Failed":
        return remedies.advice("See why the node restarted", *steps)
    if replica.pod.status.phase != "Failed":
        steps.append(f"If the machine is gone for good: kubectl delete node {name}; its pods are then made anew.")
    else:
        steps.append(endings.clear_step(replica))
    return remedies.advice("Bring the node back, or let it go", *steps)
