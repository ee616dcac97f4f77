"""What keeps a pod from being scheduled, from the scheduler's words alone.

What it finds
    Where no node could be read, or one that was read would take the pod as far as can be seen (the pods that hold it
    were not read), the scheduler's reasons are all that there is. The one that counts is chosen by the order in which
    the scheduler asks; the reasons about the control plane's and broken nodes do not count.

Why it matters
    A description of a pod, or credentials for one namespace, are often all that is at hand.

Evidence
    The PodScheduled condition, or the scheduler's last event. It is one signal, so never more than probable; where
    several causes read the same, only possible.

Fix
    `fix-untolerated-taint`, else by hand, after a look at the nodes; a toleration where the words name the taint.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.demands import is_gpu
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.placement.filters.taints import tolerable
from vops.diagnosis.placement.scheduler_text import Obstacle, Preemption, Reason
from vops.diagnosis.placement.spoken import heard, hopeless, leading
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern

_WOULD_DO = (Preemption.NO_VICTIMS, Preemption.MIXED)
_UNREGISTERED = "node unregister"
"""HAMi's word for a node whose device plugin has not told it of any GPU."""

_UNNAMED = "node"
"""How a node is called of which only amounts were copied."""

_HAS_LABEL = lazy_pattern(
    r"\bnodes? (?:do(?:es)? |all |both )?(?:have|has|carry|carries) (?:a |the |this |that )?labels?\b"
)
"""Somebody's word that the labels are there."""

_SEE_NODES = "See the nodes: kubectl describe nodes"
_PRESSED = {
    "disk-pressure": "Free space on its disk: crictl rmi --prune, old logs and model caches; or use a larger disk.",
    "memory-pressure": "See what holds its memory: kubectl describe node, and what runs there without a limit.",
}
"""What brings back a node that the kubelet closed itself."""

_SEE_TAINTS = (
    "See the taints: kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints, "
    "and add the toleration of the GPU nodes' taint to spec.tolerations.",
    "A node that is not ready has a taint as well (node.kubernetes.io/…): mend the node instead.",
)


@rule(cause="untolerated-taint", branch=Branch.SCHEDULE, explains={"autoscaler-no-match"}, order=20)
def said_untolerated_taint(replica: Replica) -> Verdict | None:
    found = _of(replica, Obstacle.TAINT)
    if not found:
        return None
    taints = [item.taint for item in found if item.taint is not None]
    words = (
        ", ".join(f"{{{taint.key}: {taint.value}}}" for taint in taints) or "a taint that the scheduler does not name"
    )
    wanted = [{"key": taint.key, "operator": "Exists"} for taint in taints if tolerable(taint)]
    return _verdict(
        replica,
        f"{replica.name} does not tolerate {words} of {_nodes(found)}",
        _tolerate(replica, wanted) if wanted else remedies.by_steps(replica, "Tolerate the taint", _SEE_TAINTS),
        Confidence.PROBABLE if taints else Confidence.POSSIBLE,
    )


@rule(cause="node-selector-mismatch", branch=Branch.SCHEDULE, explains={"autoscaler-no-match"}, order=30)
def said_node_selector_mismatch(replica: Replica) -> Verdict | None:
    found = _of(replica, Obstacle.SELECTOR)
    if not found or replica.provisioning.of_gpu_taints:
        return None
    spec = replica.pod.spec
    asked = ", ".join(f"{key}={value}" for key, value in spec.node_selector.items())
    words = f" ({asked})" if asked else ""
    there = any(_HAS_LABEL.search(item.message) for item in replica.events)
    summary = f"The labels that {replica.name} asks for{words} are missing on {_nodes(found)}"
    if there:
        summary = (
            f"{replica.name} asks for labels that {_nodes(found)} lack by the scheduler's word; if those that are told "
            "of are there, it asks for others too, as by a required node affinity"
        )
    return _verdict(
        replica,
        summary,
        remedies.by_steps(
            replica,
            "Ask for labels that a node has",
            (
                "See the labels: kubectl get nodes --show-labels",
                "See all that it asks for, required node affinity too, which a chart or an operator may add: "
                "kubectl get pod POD -o jsonpath='{.spec.nodeSelector}{.spec.affinity.nodeAffinity}'",
                "Change nodeSelector or affinity to a value that a node has, or label the nodes that are meant.",
            ),
        ),
    )


@rule(cause="gpu-exhausted", branch=Branch.SCHEDULE, order=40)
def said_gpu_exhausted(replica: Replica) -> Verdict | None:
    found = _short_of_gpus(replica)
    if not found or _how_none_offers(replica, found, seen=_none_offers(replica, found[0].resource)):
        return None
    known = _certainly_taken(replica)
    doubt = "" if known else "; the words are the same where no node advertises them"
    resource, gpus = found[0].resource, replica.placement.gpus
    return _verdict(
        replica,
        f"No node has {f'{gpus} ' if gpus else ''}{resource} free for {replica.name}{doubt}",
        remedies.advice(
            "Free a GPU or add one",
            f"See what the nodes offer and who holds it: kubectl describe nodes | grep -E 'Name:|{resource}'",
            "Scale down what may go, or add a GPU node.",
            "Where no node lists the resource at all: install driver and device plugin there.",
        ),
        Confidence.PROBABLE if known else Confidence.POSSIBLE,
    )


@rule(cause="gpu-not-advertised", branch=Branch.SCHEDULE, order=40)
def said_gpu_not_advertised(replica: Replica) -> Verdict | None:
    found = _short_of_gpus(replica)
    if not found or replica.placement.gpus > 1:
        return None
    seen = _none_offers(replica, found[0].resource)
    how = _how_none_offers(replica, found, seen=seen)
    if not how:
        return None
    return _verdict(
        replica,
        f"No node offers even one {found[0].resource}: {how}",
        remedies.advice(
            "Make the nodes advertise their GPUs",
            f"See which GPU resources nodes offer, and whether {found[0].resource} is the right name: kubectl get "
            f"nodes "
            "-o jsonpath='{range .items[*]}{.metadata.name}: {.status.allocatable}{\"\\n\"}{end}'",
            "See whether a device plugin runs: kubectl get daemonsets,pods -A -o wide | grep -i nvidia",
            "Add a GPU node if there is none, else install driver and device plugin on it.",
        ),
        Confidence.POSSIBLE if replica.placement.partial and seen else Confidence.PROBABLE,
    )


def _how_none_offers(replica: Replica, found: tuple[Reason, ...], *, seen: bool) -> str:
    if any(_UNREGISTERED in item.text for item in found):
        return "the device plugin has registered none with the scheduler"
    if not seen:
        return "the scheduler says that emptying a node would not help" if _none_large_enough(replica) else ""
    shown = "no node that was handed in" if replica.placement.partial else "no node"
    return f"{shown} has any in its capacity"


@rule(cause="gpu-request-too-large", branch=Branch.SCHEDULE, order=40)
def said_gpu_request_too_large(replica: Replica) -> Verdict | None:
    found = _short_of_gpus(replica)
    gpus = replica.placement.gpus
    if not found or not _none_large_enough(replica) or gpus < 2:
        return None
    return _verdict(
        replica,
        f"No node has {gpus} {found[0].resource}, not even an empty one, as {replica.name} asks for",
        remedies.by_steps(
            replica,
            "Ask for no more GPUs than a node has",
            (
                f"See how many a node has: kubectl describe nodes | grep -E 'Name:|{found[0].resource}'",
                "Lower resources.limits and --tensor-parallel-size to that, or use larger nodes.",
            ),
        ),
        Confidence.POSSIBLE,
    )


@rule(cause="cpu-memory-short", branch=Branch.SCHEDULE, order=30)
def said_cpu_memory_short(replica: Replica) -> Verdict | None:
    found = [item for item in _of(replica, Obstacle.RESOURCE) if not is_gpu(item.resource)]
    full = [item for kind in (Obstacle.PODS, Obstacle.VOLUME) for item in _of(replica, kind) if _is_full(item)]
    if not found and not full:
        return None
    lacks = ", ".join(dict.fromkeys(item.resource for item in found))
    unit = "volume" if any(item.obstacle is Obstacle.VOLUME for item in full) else "pod"
    step = f"Lower the request for {lacks} to what a node has free, or use a bigger node."
    if not lacks:
        step = f"Move small pods away, or use a bigger node, which takes more {unit}s."
    asks = ", ".join(f"{name} {amount.normalize():f}" for name, amount in replica.placement.wanted.items())
    return _verdict(
        replica,
        f"{replica.name} does not fit: too little {lacks or f'room for one more {unit}'} on {_nodes([*found, *full])}"
        + (f" (it asks for {asks})" if asks else ""),
        remedies.by_steps(
            replica,
            "Ask for what is free, or make room",
            (step, _SEE_NODES),
        ),
    )


@rule(cause="node-unavailable", branch=Branch.SCHEDULE, order=15)
def said_node_unavailable(replica: Replica) -> Verdict | None:
    found, said = _of(replica, Obstacle.UNAVAILABLE), heard(replica)
    if said is not None and said.nodes == 0:
        summary = f"There is no node for {replica.name}: the cluster has none"
    elif found:
        how = ", ".join(dict.fromkeys(_how_unavailable(item) for item in found))
        summary = f"No pods are taken at present by {_nodes(found)}: {how}"
    else:
        return None
    return _verdict(
        replica,
        summary,
        remedies.advice(
            "Bring a node back",
            "See their state: kubectl get nodes",
            *(step for words, step in _PRESSED.items() if words in summary),
            "Uncordon or repair one, or add a node.",
        ),
    )


@rule(cause="spread-or-affinity", branch=Branch.SCHEDULE, order=45)
def said_spread_or_affinity(replica: Replica) -> Verdict | None:
    found = [*_of(replica, Obstacle.POD_AFFINITY), *_of(replica, Obstacle.SPREAD), *_of(replica, Obstacle.PORTS)]
    if not found:
        return None
    kinds = " and ".join(dict.fromkeys(str(item.obstacle) for item in found))
    return _verdict(
        replica,
        f"{replica.name} is kept away from {_nodes(found)} by {kinds}",
        remedies.by_steps(
            replica,
            "Loosen the constraint",
            (
                "In its affinity use preferredDuringSchedulingIgnoredDuringExecution; in topologySpreadConstraints "
                "whenUnsatisfiable: ScheduleAnyway; drop hostPort where ports clash.",
                "Or set maxSurge 0 so that an update needs no node more than there are replicas.",
            ),
        ),
    )


def _is_full(reason: Reason) -> bool:
    """Whether a node takes no more pods, or no more volumes."""
    return reason.obstacle is Obstacle.PODS or "max volume count" in reason.text


def _of(replica: Replica, obstacle: Obstacle) -> tuple[Reason, ...]:
    return tuple(item for item in leading(replica) if item.obstacle is obstacle)


def _short_of_gpus(replica: Replica) -> tuple[Reason, ...]:
    """The GPUs that count as short; taints and labels that come first leave the question open."""
    return tuple(item for item in _of(replica, Obstacle.RESOURCE) if is_gpu(item.resource))


def _none_offers(replica: Replica, resource: str) -> bool:
    """Whether all nodes that the scheduler counts are known, and none has the resource in its capacity.

    Of several nodes people show the capacity of the one that they take for the GPU node.
    """
    said, nodes = heard(replica), [fit.node for fit in replica.placement.fits]
    counted = said is not None and (said.nodes == len(nodes) or {node.metadata.name for node in nodes} == {_UNNAMED})
    return counted and bool(nodes) and all(node.status.capacity and not capacity(node, resource) for node in nodes)


def _none_large_enough(replica: Replica) -> bool:
    """Whether no node that the pod may use would do if it were emptied, by the scheduler's word."""
    said = heard(replica)
    return said is not None and hopeless(said) and not replica.placement.large_enough


def _certainly_taken(replica: Replica) -> bool:
    """Whether nodes with as many GPUs are there: seen, or by what the scheduler says of emptying them."""
    placement, said = replica.placement, heard(replica)
    seen = any(capacity(fit.node, placement.gpu_resource) >= placement.gpus > 0 for fit in placement.meant)
    return seen or (said is not None and said.modern and said.preemption in _WOULD_DO)


def _how_unavailable(reason: Reason) -> str:
    return reason.taint.key.rpartition("/")[2] if reason.taint is not None else reason.text.partition(" ")[2]


def _nodes(found: Iterable[Reason]) -> str:
    count = max((item.nodes for item in found), default=0)
    return "1 node" if count == 1 else f"{count} nodes" if count else "the nodes"


def _tolerate(replica: Replica, wanted: list[dict[str, str]]) -> Fix:
    title = f"Tolerate {', '.join(item['key'] for item in wanted)}"
    return remedies.runbook(
        replica,
        "fix-untolerated-taint",
        title,
        Applicability.ASK,
        {"tolerations": wanted},
        by_hand=(f"Add to spec.tolerations: {msgspec.json.encode(wanted).decode()}",),
    )


def _verdict(replica: Replica, summary: str, fix: Fix, confidence: Confidence = Confidence.PROBABLE) -> Verdict:
    doubtful = len({item.obstacle for item in leading(replica)}) > 1
    sure = Confidence.POSSIBLE if doubtful else confidence
    return Verdict(summary, evidence.scheduler(replica), sure, fixes=(fix, *_other_nodes(replica)))


def _other_nodes(replica: Replica) -> tuple[Fix, ...]:
    """What to do where a node seems to have room for all that can be seen."""
    fitting = replica.placement.fitting
    if not fitting or any(_none_offers(replica, item.resource) for item in _short_of_gpus(replica)):
        return ()
    names = blockers.named(fit.name for fit in fitting)
    title = f"See what holds {names}, which would take the pod as far as can be seen"
    return (remedies.advice(title, f"kubectl describe node {fitting[0].name}"),)
