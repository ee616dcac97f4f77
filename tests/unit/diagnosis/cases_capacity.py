"""Cases of rules about nodes that do not come, pods that are refused, ended from outside or out of host memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tests.unit.diagnosis.cluster_parts import (
    GPU,
    HEALTH,
    NAMESPACE,
    ago,
    crashed,
    event,
    log_text,
    node,
    pending,
    pod,
    ready,
    replicaset,
    running,
    world,
)
from vops.diagnosis.facts import Facts
from vops.model.provisioning import ConfigMap, NodeClaim, NodePool, ResourceQuota
from vops.model.resources import Event, Node, Workload
from vops.model.snapshot import Source

Case = Callable[[], Facts]

MIG = "https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/instanceGroups/gke-prod-l4-1a2b-grp"
NO_ROOM = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
ICE = (
    "NodeClaim gpu-x1y2z event: insufficient capacity, with fleet error(s), InsufficientInstanceCapacity: We currently "
    "do not have sufficient g5.12xlarge capacity in the Availability Zone you requested (us-west-2a). Our system will "
    "be working on provisioning additional capacity. You can currently get g5.12xlarge capacity by not specifying an "
    "Availability Zone in your request or choosing us-west-2b, us-west-2c."
)
ALLOCATE = (
    "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. "
    "Requested: 1, Available: 0, which is unexpected"
)
VICTIM = "System OOM encountered, victim process: VLLM::EngineCor, pid: 4711"
LOADING = "\n".join(log_text("size-l8-045.log").splitlines()[:30])
EXCEEDED = (
    'pods "llama-new-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, '
    "used: requests.nvidia.com/gpu=4, limited: requests.nvidia.com/gpu=4"
)
CRITICAL = (
    'pods "llama-new-" is forbidden: insufficient quota to match these scopes: '
    "[{PriorityClass In [system-node-critical system-cluster-critical]}]"
)
VIOLATION = (
    'pods "llama-new-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
    '(container "vllm" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true '
    '(pod or container "vllm" must set securityContext.runAsNonRoot=true)'
)


def about(kind: str, name: str, reason: str, message: str, *, age_s: float = 60, namespace: str = "") -> Event:
    """An event about something other than a pod."""
    document = {
        "involvedObject": {"kind": kind, "name": name, "namespace": namespace},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": ago(age_s),
    }
    return msgspec.convert(document, Event)


def by_karpenter(message: str, age_s: float = 30) -> Event:
    return event("FailedScheduling", f"Failed to schedule pod, {message}", age_s=age_s)


def nominated(claim: str = "gpu-x1y2z", age_s: float = 90) -> Event:
    return event("Nominated", f"Pod should schedule on: nodeclaim/{claim}", age_s=age_s)


def triggered(group: str = MIG, age_s: float = 60) -> Event:
    return event("TriggeredScaleUp", f"pod triggered scale-up: [{{{group} 0->1 (max: 4)}}]", age_s=age_s)


def not_triggered(reasons: str, age_s: float = 20) -> Event:
    return event("NotTriggerScaleUp", f"pod didn't trigger scale-up: {reasons}", age_s=age_s)


def scale_up_failed(reason: str, zones: str = "us-central1-a", age_s: float = 40) -> Event:
    risk = "Pod is at risk of not being scheduled."
    text = f"Node scale up in zones {zones} associated with this pod failed: {reason}. {risk}"
    return event("FailedScaleUp", text, age_s=age_s)


def status_map(*groups: Mapping[str, Any]) -> ConfigMap:
    """The Cluster Autoscaler's status, as it writes it since 1.30 (JSON is YAML)."""
    status = msgspec.json.encode({"autoscalerStatus": "Running", "nodeGroups": groups}).decode()
    meta = {"name": "cluster-autoscaler-status", "namespace": "kube-system"}
    return msgspec.convert({"kind": "ConfigMap", "metadata": meta, "data": {"status": status}}, ConfigMap)


def group(
    name: str = MIG, status: str = "NoActivity", *, target: int = 0, most: int = 4, code: str = "", message: str = ""
) -> dict[str, Any]:
    backoff = {"errorCode": code, "errorMessage": message} if code else {}
    return {
        "name": name,
        "health": {"status": "Healthy", "cloudProviderTarget": target, "minSize": 0, "maxSize": most},
        "scaleUp": {"status": status, "backoffInfo": backoff, "lastTransitionTime": ago(300)},
    }


def node_claim(name: str = "gpu-x1y2z", *, age_s: float = 90, **conditions: tuple[str, str, str]) -> NodeClaim:
    """A NodeClaim with conditions as (status, reason, message), each a minute younger than the claim."""
    found = [
        {"type": type_, "status": status, "reason": reason, "message": text, "lastTransitionTime": ago(age_s - 60)}
        for type_, (status, reason, text) in conditions.items()
    ]
    meta = {"name": name, "labels": {"karpenter.sh/nodepool": "gpu"}, "creationTimestamp": ago(age_s)}
    return msgspec.convert({"kind": "NodeClaim", "metadata": meta, "status": {"conditions": found}}, NodeClaim)


def node_pool(
    name: str = "gpu",
    *,
    limits: Mapping[str, str] | None = None,
    used: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
) -> NodePool:
    template = {"spec": {"nodeClassRef": {"group": "karpenter.k8s.aws"}, "taints": list(taints)}}
    document = {
        "kind": "NodePool",
        "metadata": {"name": name},
        "spec": {"template": template, "limits": dict(limits or {})},
        "status": {"resources": dict(used or {})},
    }
    return msgspec.convert(document, NodePool)


def from_cloud(found: Node, provider: str = "gce://p/us-central1-a/n") -> Node:
    return msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, provider_id=provider))


def no_gpu_node(**more: Any) -> Node:
    """A node of a cloud without a GPU, and not labelled as having one."""
    found = from_cloud(node("cpu-1", gpus=0, **more))
    labels = {key: value for key, value in found.metadata.labels.items() if "gpu" not in key}
    return msgspec.structs.replace(found, metadata=msgspec.structs.replace(found.metadata, labels=labels))


def server(*, replicas: int = 1, priority_class: str = "", **condition: str) -> Workload:
    """A Deployment of vLLM, with one condition when its fields are given."""
    container = {"name": "vllm", "image": "vllm/vllm-openai:v0.25.1", "command": ["vllm", "serve", "m"]}
    asks = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    template = {"spec": {"containers": [container | asks], "priorityClassName": priority_class}}
    document = {
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": NAMESPACE, "uid": "llama", "creationTimestamp": ago(600)},
        "spec": {"replicas": replicas, "template": template},
        "status": {"conditions": [{"status": "True", **condition}] if condition else []},
    }
    return msgspec.convert(document, Workload)


def refused(words: str, *, age_s: float = 60, **more: Any) -> Case:
    """A Deployment without a pod, whose ReplicaSet is told `words`."""
    said = about(
        "ReplicaSet", "llama-new", "FailedCreate", f"Error creating: {words}", age_s=age_s, namespace=NAMESPACE
    )
    return lambda: world(server(**more), replicaset(), said)


def quota(used: str, hard: str = "4", name: str = "gpus") -> ResourceQuota:
    found = {"requests.nvidia.com/gpu": used}, {"requests.nvidia.com/gpu": hard}
    document = {
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "status": {"used": found[0], "hard": found[1]},
    }
    return msgspec.convert(document, ResourceQuota)


def failed(reason: str, message: str = "", **more: Any) -> Case:
    """A pod that the kubelet or a controller ended or refused."""
    return lambda: world(pod(phase="Failed", pod_status={"reason": reason, "message": message}, **more), node())


def disrupted(reason: str, message: str = "", **more: Any) -> Case:
    """A pod on its way out, with the reason why Kubernetes ends it."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
    leaving = {"name": "llama-1", "namespace": NAMESPACE, "uid": "llama-1", "deletionTimestamp": ago(5)}
    status = running(600, ready=True)
    return lambda: world(pod(status=status, conditions=[condition], metadata=leaving, **more), node())


def unready(**more: Any) -> Case:
    """A server that has been ready and is not any more."""
    fell = {"type": "Ready", "status": "False", "lastTransitionTime": ago(60)}
    return lambda: world(pod(status=running(600), conditions=[fell]), node(**more))


def put_down(status: int) -> Case:
    """A server that its liveness probe got restarted."""
    killing = event("Killing", "Container vllm failed liveness probe, will be restarted")
    said = event("Unhealthy", f"Liveness probe failed: HTTP probe failed with statuscode: {status}", count=9)
    asks = {"livenessProbe": HEALTH}
    return lambda: world(pod(status=crashed(137, ran_s=4000, restarts=7), container=asks), node(), killing, said)


def leaving(**more: Any) -> Case:
    """A server that should be gone for five minutes."""
    return lambda: world(pod(status=running(600, ready=False), metadata={"deletionTimestamp": ago(300)}), node(**more))


def unwell(answer: str) -> Case:
    """A server that is up for hours and fails its readiness probe."""
    said = event("Unhealthy", f"Readiness probe failed: {answer}", count=90)
    fell = {"type": "Ready", "status": "False", "lastTransitionTime": ago(900)}
    return lambda: world(pod(status=running(9000), conditions=[fell]), node(), said)


def out_of_memory(
    *events: Event,
    limit: str = "16Gi",
    shm: str = "",
    shm_at: str = "/dev/shm",
    **death: Any,
) -> Case:
    """A container that was killed while it loaded, with a memory limit and a volume in memory when they are given."""
    volume = {"name": "shm", "emptyDir": {"medium": "Memory", **({"sizeLimit": shm} if shm else {})}}
    memory = {"memory": limit} if limit else {}
    container = {
        "resources": {"limits": {GPU: "1", **memory}, "requests": {GPU: "1", **memory}},
        "volumeMounts": [{"name": "shm", "mountPath": shm_at}],
    }
    status = crashed(137, **({"reason": "OOMKilled"} | death))
    return lambda: world(pod(status=status, container=container, volumes=[volume]), node(), *events, log=LOADING)


def on_node(reason: str, message: str, *, age_s: float = 25) -> Event:
    return about("Node", "gpu-1", reason, message, age_s=age_s)


def waits(*objects: Any, **asks: Any) -> Case:
    """A pod without a node for five minutes, in a cluster whose one GPU is held."""
    return lambda: world(pending(NO_ROOM, **({"age_s": 300} | asks)), node(), ready("other"), *objects)


MISSED = 'Expected resource "nvidia.com/gpu" didn\'t register on the node'
FULL_DISK = {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}
NO_SPACE = about(
    "Node", "gpu-1", "FreeDiskSpaceFailed", "Failed to garbage collect required amount of images. Attempted to free 9"
)


FIRES: dict[str, Case] = {
    "gpu-missed-by-karpenter": lambda: world(pending(age_s=300), about("Node", "n", "FailedInflightCheck", MISSED)),
    "node-disk-pressure": lambda: world(pending(age_s=300), node(taints=[FULL_DISK]), NO_SPACE),
    "gpu-stockout": waits(triggered(age_s=90), scale_up_failed("GCE out of resources")),
    "cloud-quota": waits(scale_up_failed("GCE out of resources, GCE quota exceeded")),
    "node-launch-failed": waits(scale_up_failed("IP space exhausted")),
    "gpu-never-registered": waits(
        nominated(age_s=700),
        node_claim(
            age_s=900,
            Launched=("True", "Launched", ""),
            Registered=("True", "Registered", ""),
            Initialized=(
                "Unknown",
                "ResourceNotRegistered",
                'Resource "nvidia.com/gpu" was requested but not registered',
            ),
        ),
    ),
    "autoscaler-limit": waits(
        not_triggered("1 max node group size reached, 2 Insufficient nvidia.com/gpu"),
        status_map(group(target=4, most=4), group("gke-prod-cpu", target=1)),
    ),
    "autoscaler-no-match": waits(not_triggered("2 Insufficient nvidia.com/gpu, 1 Insufficient cpu")),
    "autoscaler-working": waits(triggered()),
    "autoscaler-absent": lambda: world(pending(NO_ROOM, age_s=300), no_gpu_node()),
    "resource-quota": refused(EXCEEDED),
    "priority-class-quota": refused(CRITICAL, priority_class="system-node-critical"),
    "admission-denied": refused(VIOLATION),
    "device-allocation-failed": failed("UnexpectedAdmissionError", ALLOCATE),
    "gpu-lost-at-admission": failed("UnexpectedAdmissionError", "Allocate failed due to nvml: GPU is lost"),
    "node-had-no-room": failed("OutOfmemory", "Node didn't have enough resource: memory, requested: 9, used: 8"),
    "node-matches-no-more": failed("NodeAffinity", "Predicate NodeAffinity failed"),
    "node-does-not-allow": failed("SysctlForbidden", 'forbidden sysctl: "net.core.somaxconn" not allowlisted'),
    "evicted": failed("Evicted", 'Usage of EmptyDir volume "cache" exceeds the limit "20Gi". '),
    "preempted": disrupted(
        "PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod"
    ),
    "preempted-before": lambda: world(
        pending(NO_ROOM, owner="llama"),
        node(),
        ready("training", priority=1000),
        about("Pod", "llama-new-old1", "Preempted", "Preempted by pod training on node gpu-1", namespace=NAMESPACE),
    ),
    "node-lost": failed("Terminated", "Pod was terminated in response to imminent node shutdown."),
    "node-lost-while-ready": lambda: world(ready(), node(ready=False)),
    "node-lost-while-serving": unready(ready=False),
    "node-lost-while-leaving": leaving(ready=False),
    "engine-dead-until-killed": put_down(503),
    "engine-dead-by-health": unwell("HTTP probe failed with statuscode: 503"),
    "node-restarted": lambda: world(pod(status=crashed(255, reason="Unknown", restarts=1, back=True)), node()),
    "tmpfs-charged": out_of_memory(shm="16Gi"),
    "node-oom": out_of_memory(on_node("SystemOOM", VICTIM), limit="", shm="1Gi"),
}

NEAR_MISSES: dict[str, Case] = {
    # what a node without GPUs lacks is of no matter to this pod
    "gpu-missed-by-karpenter": lambda: world(
        pending(age_s=300), about("Node", "n", "FailedInflightCheck", MISSED.replace("nvidia.com/gpu", "vpc/pod-eni"))
    ),
    # room was made since
    "node-disk-pressure": lambda: world(pending(age_s=300), node(), ready("other"), NO_SPACE),
    # the cloud ran out in one zone, and the autoscaler has asked another one since
    "gpu-stockout": waits(scale_up_failed("GCE out of resources", "us-central1-b", age_s=200), triggered(age_s=60)),
    "cloud-quota": waits(scale_up_failed("GCE out of resources")),
    "node-launch-failed": waits(scale_up_failed("GCE out of resources")),
    # the node has joined just now
    "gpu-never-registered": waits(
        nominated(),
        node_claim(
            Registered=("True", "Registered", ""),
            Initialized=(
                "Unknown",
                "ResourceNotRegistered",
                'Resource "nvidia.com/gpu" was requested but not registered',
            ),
        ),
    ),
    "autoscaler-limit": waits(not_triggered("1 in backoff after failed scale-up, 1 max node group size reached")),
    "autoscaler-no-match": waits(not_triggered("1 max node group size reached, 2 Insufficient nvidia.com/gpu")),
    # asked for long ago: the node has come, or was given up
    "autoscaler-working": waits(triggered(age_s=1800)),
    # nobody may read where an autoscaler would show itself
    "autoscaler-absent": lambda: world(
        pending(NO_ROOM, age_s=300), no_gpu_node(), without=(Source.NODE_POOLS, Source.CONFIG_MAPS)
    ),
    # refused an hour ago; since then nothing tells that it still is
    "resource-quota": refused(EXCEEDED, age_s=3500),
    "priority-class-quota": refused(EXCEEDED),
    "admission-denied": refused(EXCEEDED),
    "device-allocation-failed": failed("OutOfcpu", "Node didn't have enough resource: cpu"),
    "gpu-lost-at-admission": failed("UnexpectedAdmissionError", ALLOCATE),
    "node-had-no-room": failed("OutOfnvidia.com/gpu", "Node didn't have enough resource: nvidia.com/gpu"),
    "node-matches-no-more": failed("Evicted", "The node was low on resource: memory."),
    "node-does-not-allow": failed("NodeAffinity", "Predicate NodeAffinity failed"),
    "evicted": failed("NodeShutdown", "Pod was rejected as the node is shutting down."),
    # somebody drains the node: what was asked for happens
    "preempted": disrupted("EvictionByEvictionAPI", "Eviction API: evicting"),
    # the preempted pod is of another workload
    "preempted-before": lambda: world(
        pending(NO_ROOM, owner="llama"),
        node(),
        ready("training"),
        about("Pod", "mixtral-7c-x", "Preempted", "Preempted by pod training on node gpu-1", namespace=NAMESPACE),
    ),
    "node-lost": disrupted("EvictionByEvictionAPI", "Eviction API: evicting"),
    "node-lost-while-ready": lambda: world(ready(), node()),
    "node-lost-while-serving": unready(),
    "node-lost-while-leaving": leaving(ready=True),
    "engine-dead-until-killed": put_down(500),
    "engine-dead-by-health": unwell('Get "http://10.0.0.1:8000/health": context deadline exceeded'),
    "node-restarted": lambda: world(pod(status=crashed(255, restarts=1, back=True)), node()),
    # a small volume, in a limit that is too small anyway
    "tmpfs-charged": out_of_memory(shm="1Gi", limit="8Gi"),
    # the node killed a process an hour before
    "node-oom": out_of_memory(on_node("SystemOOM", VICTIM, age_s=3000), limit="", shm="1Gi"),
}

TOGETHER: dict[str, set[str]] = {
    "gpu-stockout": {"gpu-exhausted"},
    "cloud-quota": {"gpu-exhausted"},
    "node-launch-failed": {"gpu-exhausted"},
    "gpu-never-registered": {"gpu-exhausted"},
    "autoscaler-limit": {"gpu-exhausted"},
    "node-disk-pressure": {"node-unavailable"},
    "autoscaler-no-match": {"gpu-exhausted"},
    "autoscaler-absent": {"gpu-not-advertised"},
    "gpu-lost-at-admission": {"device-allocation-failed"},
    "preempted-before": {"gpu-exhausted"},
    "tmpfs-charged": {"host-oom"},
    "node-oom": {"host-oom"},
}

HEALTHY: dict[str, Case] = {
    "node-on-its-way": waits(triggered()),
    "node-on-its-way-for-karpenter": waits(
        nominated(),
        node_pool(),
        node_claim(Launched=("True", "Launched", ""), Registered=("Unknown", "NodeNotFound", "")),
    ),
    "group-being-enlarged": waits(status_map(group(status="InProgress", target=1))),
    # what was said while it waited does not count once it serves
    "node-has-come": lambda: world(
        ready(),
        from_cloud(node()),
        scale_up_failed("GCE out of resources", age_s=900),
        triggered(age_s=700),
        status_map(group(target=1)),
    ),
    "others-wait-for-a-node": lambda: world(
        ready(),
        node(),
        event("FailedScaleUp", "Node scale up failed: GCE out of resources", name="batch-1"),
        about("NodeClaim", "batch-x1y2z", "InsufficientCapacityError", ICE),
        about("Node", "gpu-2", "SystemOOM", VICTIM),
    ),
    "quota-with-room": lambda: world(server(), replicaset(), ready(owner="llama"), node(), quota("4")),
    "drained": disrupted("EvictionByEvictionAPI", "Eviction API: evicting"),
}
"""Situations in which nothing is wrong, or nothing but that a node is on its way."""
