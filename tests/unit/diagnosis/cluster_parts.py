"""What the tests of diagnosis share: objects as the API would send them, and replicas made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts, Replica
from vops.diagnosis.findings import Finding, Fix
from vops.model.kinds import RELATED_TYPES, Related
from vops.model.pods import Pod
from vops.model.resources import Event, Node, Workload
from vops.model.serving import EngineSample, GpuSample
from vops.model.snapshot import (
    ClusterSnapshot,
    ContainerLog,
    EngineSamples,
    QueryAnswer,
    Source,
    SourceState,
    SourceStatus,
)
from vops.model.text import scrub

DATA = Path(__file__).parents[2] / "data"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NAMESPACE = "serving"
GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
HEALTH = {"httpGet": {"path": "/health", "port": 8000}}

NORMAL = ("Killing", "Scheduled", "SuccessfulAttachVolume", "Pulling", "Pulled", "Created", "Started")

Document = dict[str, Any]


def ago(seconds: float) -> str:
    """The time so many seconds before NOW, as the API writes it."""
    return (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def log_text(name: str) -> str:
    """A recorded log, scrubbed as every log is."""
    return scrub((DATA / "logs" / name).read_text("utf-8"))


# --- pods -------------------------------------------------------------------------------------------------


def pod(
    name: str = "llama-1",
    *,
    node: str = "gpu-1",
    gpus: int = 1,
    resource: str = GPU,
    owner: str = "",
    revision: str = "new",
    status: Document | None = None,
    phase: str = "Running",
    conditions: Sequence[Document] = (),
    age_s: float = 600,
    container: Document | None = None,
    requests: Mapping[str, str] | None = None,
    metadata: Document | None = None,
    pod_status: Document | None = None,
    **spec: Any,
) -> Pod:
    """A pod of one vLLM container; `owner` names its Deployment, `revision` its ReplicaSet. Keywords go to its spec."""
    asked = {resource: str(gpus)} if gpus else {}
    owned = {
        "labels": {"pod-template-hash": revision},
        "ownerReferences": [
            {"kind": "ReplicaSet", "name": f"{owner}-{revision}", "uid": f"{owner}-{revision}", "controller": True}
        ],
    }
    document = {
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name, "creationTimestamp": ago(age_s)}
        | (owned if owner else {})
        | (metadata or {}),
        "spec": {
            "nodeName": node,
            "containers": [
                {
                    "name": "vllm",
                    "image": "vllm/vllm-openai:v0.25.1",
                    "command": ["vllm", "serve", "meta-llama/Meta-Llama-3-8B-Instruct"],
                    "ports": [{"containerPort": 8000, "name": "http"}],
                    "resources": {"requests": {**asked, **(requests or {})}, "limits": asked},
                }
                | (container or {})
            ],
        }
        | spec,
        "status": {
            "phase": phase,
            "conditions": list(conditions),
            "containerStatuses": [{"name": "vllm", **status}] if status is not None else [],
        }
        | (pod_status or {}),
    }
    return msgspec.convert(document, Pod)


def pending(message: str = "", **more: Any) -> Pod:
    """A pod without a node, and what the scheduler says about it."""
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    defaults: Document = {"node": "", "phase": "Pending", "conditions": [said], "age_s": 60}
    return pod(**(defaults | more))


def ready(name: str = "llama-1", *, started_s: float = 600, took_s: float = 90, **more: Any) -> Pod:
    """A pod that serves; it took `took_s` to become Ready."""
    container = {"readinessProbe": HEALTH} | more.pop("container", {})
    return pod(
        name,
        status={"ready": True, "started": True, "state": {"running": {"startedAt": ago(started_s)}}}
        | more.pop("status", {}),
        conditions=[{"type": "Ready", "status": "True", "lastTransitionTime": ago(started_s - took_s)}],
        container=container,
        **more,
    )


def running(started_s: float = 60, *, ready: bool = False, restarts: int = 0, **more: Any) -> Document:
    """The status of a container that runs."""
    return {"ready": ready, "restartCount": restarts, "state": {"running": {"startedAt": ago(started_s)}}, **more}


def ended(
    exit_code: int, *, reason: str = "Error", message: str = "", ran_s: float = 60, ended_s: float = 20
) -> Document:
    """How an instance ended, `ended_s` seconds ago after running for `ran_s`."""
    return {
        "terminated": {
            "exitCode": exit_code,
            "reason": reason,
            "message": message,
            "startedAt": ago(ended_s + ran_s),
            "finishedAt": ago(ended_s),
        }
    }


def crashed(exit_code: int = 1, *, restarts: int = 5, back: bool = False, **death: Any) -> Document:
    """The status of a container that crash-loops: waiting to be started again, or (`back`) just started again."""
    state = (
        {"running": {"startedAt": ago(death.get("ended_s", 20))}}
        if back
        else {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    )
    return {"ready": False, "restartCount": restarts, "state": state, "lastState": ended(exit_code, **death)}


def waiting(reason: str, message: str = "") -> Document:
    """The status of a container that is not created yet."""
    return {"ready": False, "state": {"waiting": {"reason": reason, "message": message}}}


# --- everything else --------------------------------------------------------------------------------------


def node(
    name: str = "gpu-1",
    *,
    gpus: int | str = 1,
    resource: str = GPU,
    taints: Sequence[Document] = (),
    labels: Mapping[str, str] | None = None,
    allocatable: Mapping[str, str] | None = None,
    capacity: Mapping[str, str] | None = None,
    ready: bool = True,
    cordoned: bool = False,
) -> Node:
    """A node with GPUs, 16 cores and 64 GiB; what is capacity is allocatable, where nothing else is said."""
    has = {"cpu": "16", "memory": "64Gi", "pods": "110"} | ({resource: str(gpus)} if int(gpus) else {})
    document = {
        "metadata": {"name": name, "uid": name, "labels": {"nvidia.com/gpu.product": "NVIDIA-L4", **(labels or {})}},
        "spec": {"taints": list(taints), "unschedulable": cordoned},
        "status": {
            "capacity": {**has, **(allocatable or {}), **(capacity or {})},
            "allocatable": {**has, **(allocatable or {})},
            "conditions": [{"type": "Ready", "status": "True" if ready else "False", "reason": "KubeletReady"}],
        },
    }
    return msgspec.convert(document, Node)


def deployment(name: str = "llama", *, replicas: int = 1, strategy: Document | None = None) -> Workload:
    document = {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name},
        "spec": {"replicas": replicas, "strategy": strategy or {"type": "RollingUpdate"}},
    }
    return msgspec.convert(document, Workload)


def replicaset(owner: str = "llama", revision: str = "new") -> Workload:
    name = f"{owner}-{revision}"
    by = {"kind": "Deployment", "name": owner, "uid": owner, "controller": True}
    meta = {"name": name, "namespace": NAMESPACE, "uid": name, "ownerReferences": [by]}
    return msgspec.convert({"kind": "ReplicaSet", "metadata": meta}, Workload)


def event(reason: str, message: str, *, name: str = "llama-1", age_s: float = 20, count: int = 1) -> Event:
    document = {
        "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": name, "uid": name},
        "type": "Normal" if reason in NORMAL else "Warning",
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": ago(age_s),
    }
    return msgspec.convert(document, Event)


def samples(name: str = "llama-1", **values: Any) -> EngineSamples:
    return EngineSamples(NAMESPACE, name, latest=EngineSample(at=NOW, **values))


def world(
    *objects: Pod | Node | Workload | Event | EngineSamples | Related | QueryAnswer | GpuSample,
    log: str = "",
    previous: str = "",
    without: Sequence[Source] = (),
    container: str = "vllm",
) -> Facts:
    """A snapshot of these objects; `log` and `previous` are the first pod's. Every source but `without` is live."""
    pods = [item for item in objects if isinstance(item, Pod)]
    texts = [(log, False), (previous, True)]
    first = pods[0].metadata.name if pods else ""
    workloads = [item for item in objects if isinstance(item, Workload)]
    return Facts(
        ClusterSnapshot(
            at=NOW,
            context="test",
            sources=tuple(
                SourceStatus(source, SourceState.DENIED, detail="may not be read")
                if source in without
                else SourceStatus(source, SourceState.LIVE, at=NOW)
                for source in Source
            ),
            pods=tuple(pods),
            nodes=tuple(item for item in objects if isinstance(item, Node)),
            deployments=tuple(item for item in workloads if item.kind == "Deployment"),
            replicasets=tuple(item for item in workloads if item.kind == "ReplicaSet"),
            statefulsets=tuple(item for item in workloads if item.kind == "StatefulSet"),
            daemonsets=tuple(item for item in workloads if item.kind == "DaemonSet"),
            related=tuple(item for item in objects if isinstance(item, RELATED_TYPES)),
            queries=tuple(item for item in objects if isinstance(item, QueryAnswer)),
            gpus=tuple(item for item in objects if isinstance(item, GpuSample)),
            events=tuple(item for item in objects if isinstance(item, Event)),
            logs=tuple(ContainerLog(NAMESPACE, first, container, text, old) for text, old in texts if text),
            samples=tuple(item for item in objects if isinstance(item, EngineSamples)),
        )
    )


def the_replica(facts: Facts) -> Replica:
    """The first replica of a world."""
    found = facts.replica_of_pod(facts.snapshot.pods[0])
    assert found is not None
    return found


def first_finding(facts: Facts) -> Finding:
    """What is wrong with the first replica of a world, the root cause."""
    return diagnose(facts, facts.replicas[0].ref).findings[0]


def first_fix(facts: Facts) -> Fix:
    return first_finding(facts).fixes[0]
