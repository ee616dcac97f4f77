"""Pods that stand for those which a node or a NodeClaim keeps from running, where a bundle has nothing else.

A description of a node is often all that somebody has when its GPUs do not show, its disk is full or it does not
answer. A node on which nothing is wrong gets no pod, and so no finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from vops.diagnosis.facts import STAND_IN
from vops.diagnosis.memory.host_memory import may_be_ours
from vops.diagnosis.nodes.gpu_nodes import gpu_complaints, gpu_resources, gpu_sign
from vops.diagnosis.placement.demands import amounts, is_gpu
from vops.diagnosis.provisioning.cluster_autoscaler import node_groups
from vops.diagnosis.provisioning.karpenter import trouble
from vops.model.objects import Condition, Meta, Resource
from vops.model.patterns import lazy_pattern
from vops.model.pods import (
    Container,
    ContainerState,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
    Requirements,
    Running,
    Terminated,
)
from vops.model.provisioning import ConfigMap, NodeClaim, NodePool
from vops.model.resources import Event, Node, NodeSpec, NodeStatus, ObjectReference, Taint

_GPU = "nvidia.com/gpu"
_ROOM = {"pods": "110"}
_ITS_NODE = "its node"
DISK_EVENTS = ("EvictionThresholdMet", "FreeDiskSpaceFailed", "ImageGCFailed", "NodeHasDiskPressure")
TAKEN_BACK = (
    "SpotInterrupted",
    "InstanceSpotInterrupted",
    "InstanceStopping",
    "InstanceTerminating",
    "InstanceUnhealthy",
    "TerminatingOnInterruption",
    "DisruptionTerminating",
    "PreemptScheduled",
    "TerminateScheduled",
)
"""What Karpenter, and the node problem detector of AKS, post of a machine that its cloud takes away."""

REFUSED_BY_NODE = (
    "UnexpectedAdmissionError",
    "TopologyAffinityError",
    "NodeAffinity",
    "NodeShutdown",
    "Preempting",
    "SysctlForbidden",
    "AppArmor",
    "PodOSNotSupported",
    "PodOSSelectorNodeLabelDoesNotMatch",
    "PodLevelResourcesNotSupported",
    "SMTAlignmentError",
)
"""Why a kubelet does not take a pod that a scheduler gave it; Preempting is of one that it had taken."""

DOWN = ("Rebooted", "Shutdown")
"""What a kubelet posts of a machine that goes down, or that has come back from it."""

NO_NODE = (
    "FailedResourceClaimCreation",
    "FailedScheduling",
    "Unschedulable",
    "FilteringFailed",
    "NoAutoscaler",
    "NotTriggerScaleUp",
    "TriggeredScaleUp",
    "FailedScaleUp",
    "Nominated",
    "PodGroupPending",
    "Scheduling",
)
"""What schedulers and autoscalers say of a pod that has no node yet; Scheduling is YuniKorn's."""

_RECLAIMS_MEMORY = "Attempting to reclaim memory"
_XID = lazy_pattern(r"NVRM: Xid .{1,60}: (?:48|62|64|74|79|92|94|95|109|119|120|140|143)\b")
"""A node's problem detector about a GPU that has to be reset."""

CHECK_EVENTS = ("FailedInflightCheck", "FailedConsistencyCheck")
"""What Karpenter calls a node that lacks what it was made for."""


def pods_of_nodes(nodes: Iterable[Node], events: Iterable[Event]) -> Iterator[Pod]:
    """A pod for each node that something is wrong with."""
    told = tuple(events)
    for node in nodes:
        about = [item for item in told if item.involved_object.name in (node.metadata.name, "")]
        if not _answers(node):
            yield serving_on(node.metadata.name)
        elif next(gpu_complaints(node), None) is not None:
            yield waiting_for_gpus(next(iter(gpu_resources(node)), _GPU))
        elif lacking := _lacks_gpus(node):
            yield waiting_for_gpus(lacking, count=str(amounts(node.status.capacity).get(lacking) or 1))
        elif _is_under_pressure(node) or any(item.reason in DISK_EVENTS for item in about):
            yield waiting_for_gpus(next(iter(gpu_resources(node)), ""))


def pods_of_claims(claims: Iterable[NodeClaim]) -> Iterator[tuple[Pod, Event]]:
    """A pod for each NodeClaim that has not become a node, with Karpenter's word that it is to run there."""
    for claim in claims:
        initialized = claim.condition("Initialized")
        refused = any(item.status == "False" for item in claim.status.conditions if item.type == "Registered")
        done = initialized is not None and initialized.status == "True" and not refused
        if not claim.status.conditions or done:
            continue
        asked = claim.spec.get("resources", {}).get("requests", {})
        name = f"pod-{claim.metadata.name}"
        pod = waiting_for_gpus(next(filter(is_gpu, asked), _GPU), name)
        message = f"Pod should schedule on: nodeclaim/{claim.metadata.name}"
        yield (
            pod,
            Event(
                involved_object=ObjectReference(kind="Pod", name=name),
                type="Normal",
                reason="Nominated",
                message=message,
                last_timestamp=claim.metadata.creation_timestamp,
            ),
        )


def pods_of_pools(pools: Iterable[NodePool]) -> Iterator[Pod]:
    """A pod for each NodePool that says that it makes no nodes."""
    yield from (waiting_for_gpus("", f"pod-{pool.metadata.name}") for pool in pools if trouble(pool))


def pods_of_groups(config_maps: Iterable[ConfigMap]) -> Iterator[Pod]:
    """A pod for the groups that the Cluster Autoscaler has given up for a while."""
    if any(group.status == "Backoff" for group in node_groups(config_maps)):
        yield waiting_for_gpus("")


def _answers(node: Node) -> bool:
    ready = next((item for item in node.status.conditions if item.type == "Ready"), None)
    return ready is None or ready.status == "True"


def _lacks_gpus(node: Node) -> str:
    """The GPUs that a node should offer and does not; empty where it offers all that it has."""
    has, offers = amounts(node.status.capacity), amounts(node.status.allocatable)
    short = (name for name, count in has.items() if is_gpu(name) and offers.get(name, count) < count)
    if found := next(short, ""):
        return found
    return _GPU if has and gpu_sign(node) and not gpu_resources(node) else ""


def _is_under_pressure(node: Node) -> bool:
    return any(item.type.endswith("Pressure") and item.status == "True" for item in node.status.conditions)


def waiting_for_gpus(resource: str, name: str = "pod", count: str = "1") -> Pod:
    """A pod that no node was found for."""
    wanted = {resource: count} if resource else {}
    container = Container(name="vllm", command=("vllm", "serve"), resources=Requirements(wanted, wanted))
    return Pod(
        metadata=Meta(name, annotations={STAND_IN: _ITS_NODE}),
        spec=PodSpec(containers=(container,)),
        status=PodStatus(phase="Pending", conditions=(Condition("PodScheduled", "False"),)),
    )


def pressed_for_memory(meta: Meta) -> Node:
    """A node that takes no pods since its kubelet runs out of memory."""
    taint = Taint("node.kubernetes.io/memory-pressure", effect="NoSchedule")
    status = NodeStatus(
        capacity=_ROOM, allocatable=_ROOM, conditions=(Condition("MemoryPressure", "True"), Condition("Ready", "True"))
    )
    return Node(meta, NodeSpec(taints=(taint,)), status)


def killed_on(node: str) -> Pod:
    """A pod of whose processes the kernel of a node killed one."""
    pod = serving_on(node)
    status = pod.status.container_statuses[0]
    ended = ContainerState(terminated=Terminated(exit_code=137, reason="OOMKilled"))
    statuses = (msgspec.structs.replace(status, ready=False, last_state=ended, restart_count=1),)
    return msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, container_statuses=statuses))


def with_its_victim(pods: Sequence[Pod]) -> list[Pod]:
    """The only pod that ends again and again is the one of which a node says that the kernel killed a process."""
    killed = [pod for pod in pods if _ended(pod) == "OOMKilled" and pod.metadata.annotations.get(STAND_IN) == _ITS_NODE]
    ending = [pod for pod in pods if _ended(pod) == "Error" and pod.spec.node_name in ("", "unknown")]
    if len(killed) != 1 or len(ending) != 1:
        return list(pods)
    told, victim = killed[0], ending[0]
    last = told.status.container_statuses[0].last_state
    first, *others = victim.status.container_statuses
    status = msgspec.structs.replace(
        victim.status, container_statuses=(msgspec.structs.replace(first, last_state=last), *others)
    )
    spec = msgspec.structs.replace(victim.spec, node_name=told.spec.node_name)
    merged = msgspec.structs.replace(victim, spec=spec, status=status)
    return [merged if pod is victim else pod for pod in pods if pod is not told]


def _ended(pod: Pod) -> str:
    """Why its first container ended last, by its status."""
    first = next(iter(pod.status.container_statuses), None)
    ended = first.last_state.terminated if first is not None else None
    return ended.reason if ended is not None else ""


def serving_on(node: str, namespace: str = "", source: str = _ITS_NODE) -> Pod:
    """A pod with a server that is ready, on a node."""
    container = Container(name="vllm", command=("vllm", "serve"))
    status = ContainerStatus(name="vllm", ready=True, state=ContainerState(running=Running()))
    return Pod(
        metadata=Meta("pod", namespace, annotations={STAND_IN: source}),
        spec=PodSpec(containers=(container,), node_name=node),
        status=PodStatus(
            phase="Running",
            conditions=(Condition("PodScheduled", "True"), Condition("Ready", "True")),
            container_statuses=(status,),
        ),
    )


def node_told_of(meta: Meta, events: Sequence[Event]) -> list[tuple[str, Resource]]:
    """What a node keeps from running: by its disk, or since it does not answer."""
    down = DOWN if events[-1].reason != "NodeReady" else ()
    gone = next((item for item in events if item.reason in TAKEN_BACK + down and "Empty" not in item.message), None)
    if gone is not None or events[-1].reason == "NodeNotReady":
        why = gone.reason if gone is not None else "NodeNotReady"
        node = Node(meta, status=NodeStatus(conditions=(Condition("Ready", "Unknown", why),)))
        return [("Node", node), ("Pod", serving_on(meta.name))]
    if (xid := next((item for item in reversed(events) if _XID.search(item.message)), None)) is not None:
        complaint = Condition("GPUHealth", "False", xid.reason, xid.message)
        return [("Node", Node(meta, status=NodeStatus(conditions=(complaint,)))), ("Pod", waiting_for_gpus(_GPU))]
    if any(item.reason in ("SystemOOM", "OOMKilling") and may_be_ours(item.message) for item in events):
        return [("Pod", killed_on(meta.name))]
    if events[-1].reason == "NodeHasInsufficientMemory" or events[-1].message.startswith(_RECLAIMS_MEMORY):
        return [("Node", pressed_for_memory(meta)), ("Pod", waiting_for_gpus(""))]
    troubled = any(item.reason in DISK_EVENTS + CHECK_EVENTS for item in events)
    return [("Pod", waiting_for_gpus(_GPU))] if troubled else []


def claim_told_of(meta: Meta, events: Sequence[Event]) -> list[tuple[str, Resource]]:
    """A machine that its cloud takes back."""
    return node_told_of(meta, events) if any(item.reason in TAKEN_BACK for item in events) else []
