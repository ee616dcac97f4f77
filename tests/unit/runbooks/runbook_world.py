"""One vLLM Deployment on GPU nodes, as raw documents and as the snapshot made of them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import msgspec

from vops.library import read_runbook_file
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import Node, Workload
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus
from vops.planning.plan import Identity, Plan
from vops.runbooks.planner import World, bound_params, make_plan
from vops.runbooks.script import Script, load_script

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Document = dict[str, Any]
LABELS = {"app": "llama"}


def deployment(*, replicas: int = 1, strategy: Document | None = None, **container: Any) -> Document:
    """A Deployment `llama` in `serving` whose container asks for one GPU; `container` adds to it."""
    vllm = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.25.1",
        "args": ["--model", "meta-llama/Llama-3-8B", "--max-model-len", "8192"],
        "ports": [{"containerPort": 8000}],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
        **container,
    }
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "llama",
            "namespace": "serving",
            "uid": "d1",
            "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "progressDeadlineSeconds": 600,
            "strategy": strategy or rolling,
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [vllm]}},
        },
        "status": {"observedGeneration": 1},
    }


def statefulset(**container: Any) -> Document:
    """The same as a StatefulSet."""
    made = deployment(**container)
    made |= {"kind": "StatefulSet"}
    made["metadata"] |= {"uid": "s1", "annotations": {}}
    for key in ("strategy", "progressDeadlineSeconds"):
        del made["spec"][key]
    made["spec"] |= {"updateStrategy": {"type": "RollingUpdate"}, "podManagementPolicy": "OrderedReady"}
    return made


def replicaset(owner: Document, *, template: str = "aaa", revision: str = "1") -> Document:
    """The ReplicaSet of one template of a Deployment."""
    meta = owner["metadata"]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": meta["name"], "uid": meta["uid"]}
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"llama-{template}",
            "namespace": "serving",
            "uid": f"rs-{template}",
            "labels": LABELS | {"pod-template-hash": template},
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{**reference, "controller": True}],
        },
    }


def pod(owner: Document, name: str, *, node: str = "", ready: bool = False, template: str = "aaa") -> Document:
    """A pod of the workload's template: pending without a node, else running, ready or crash-looping."""
    above = {"kind": "StatefulSet", "name": "llama", "uid": "s1", "controller": True}
    if owner["kind"] == "Deployment":
        above = {"kind": "ReplicaSet", "name": f"llama-{template}", "uid": f"rs-{template}", "controller": True}
    meta = {
        "name": name,
        "namespace": "serving",
        "uid": f"uid-{name}",
        "labels": LABELS | {"pod-template-hash": template},
        "creationTimestamp": "2026-03-02T08:00:00Z",
        "ownerReferences": [above],
    }
    spec = {**copy.deepcopy(owner["spec"]["template"]["spec"]), "nodeName": node}
    state: Document = {"waiting": {"reason": "CrashLoopBackOff"}}
    conditions: list[Document] = []
    if ready:
        state = {"running": {"startedAt": "2026-03-02T08:00:10Z"}}
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-02T08:02:30Z"}]
    status = {"name": "vllm", "ready": ready, "restartCount": 0 if ready else 4, "state": state}
    phase = "Running" if node else "Pending"
    return {
        "kind": "Pod",
        "metadata": meta,
        "spec": spec,
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": [status] if node else []},
    }


def node(name: str, *, gpus: int = 1, taint: str = "") -> Document:
    amounts = {"nvidia.com/gpu": str(gpus), "cpu": "32", "memory": "256Gi", "pods": "110"}
    taints = [{"key": taint, "value": "present", "effect": "NoSchedule"}] if taint else []
    conditions = [{"type": "Ready", "status": "True"}]
    return {
        "kind": "Node",
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {"taints": taints},
        "status": {"allocatable": amounts, "capacity": amounts, "conditions": conditions},
    }


def snapshot(*documents: Document) -> ClusterSnapshot:
    """What observing these documents gives."""
    sources = (Source.PODS, Source.NODES, Source.DEPLOYMENTS, Source.REPLICASETS, Source.STATEFULSETS, Source.EVENTS)
    return ClusterSnapshot(
        at=NOW,
        sources=tuple(SourceStatus(source, SourceState.LIVE, NOW) for source in sources),
        pods=tuple(msgspec.convert(item, Pod) for item in documents if item["kind"] == "Pod"),
        nodes=tuple(msgspec.convert(item, Node) for item in documents if item["kind"] == "Node"),
        deployments=_workloads("Deployment", documents),
        replicasets=_workloads("ReplicaSet", documents),
        statefulsets=_workloads("StatefulSet", documents),
    )


def _workloads(kind: str, documents: tuple[Document, ...]) -> tuple[Workload, ...]:
    return tuple(msgspec.convert(item, Workload) for item in documents if item["kind"] == kind)


def world(target: Document, *others: Document) -> World:
    """The world of a plan on `target`, whose document the parameters name."""
    meta = target["metadata"]
    more = (replicaset(target),) if target["kind"] == "Deployment" else ()
    ref = Ref(target["kind"], meta["name"], meta["namespace"])
    return World(snapshot(target, *more, *others), Identity("test"), {ref: target})


def script(text: str) -> Script:
    """A runbook with `steps` (a YAML list) on the target."""
    head = """\
vops: 1
id: test
title: A test
risk: low
params:
  namespace: {type: k8s.namespace, default: serving}
  target: {type: k8s.ref, kinds: [apps/v1/Deployment, apps/v1/StatefulSet], default: deployment/llama}
lock: ['${params.target}']
steps:
"""
    return load_script(head + text, "test.yaml")


def planned(made: Script, here: World, **given: Any) -> Plan:
    return make_plan(made, bound_params(made, given), here, plan_id="p1")


def planned_fix(name: str, here: World, **given: Any) -> Plan:
    """The plan of a shipped runbook on `llama`."""
    target = next(iter(here.documents))
    given = {"namespace": "serving", "target": f"{target.kind.lower()}/{target.name}", **given}
    return planned(load_script(*read_runbook_file(name, {})), here, **given)
