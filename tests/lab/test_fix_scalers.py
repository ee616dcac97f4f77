"""Fixes of what stands beside the servers: autoscalers, monitors, exporters; each on the lab, verified, taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, session_on
from tests.lab.test_fix_runbooks import fixed, planned, taken_back
from vops.lab.documents import Document
from vops.lab.world import Lab
from vops.model.resources import Ref

SERVER = "qwen3-4b"
KEDA = "keda.sh/v1alpha1"
MONITORING = "monitoring.coreos.com/v1"
GPU_QUERY = f'max(DCGM_FI_DEV_GPU_UTIL{{namespace="{NAMESPACE}",pod=~"{SERVER}.*"}})'


def scaled(query: str, *, annotations: dict[str, str] | None = None, **trigger: Any) -> Document:
    metadata = {"serverAddress": "http://prometheus.monitoring.svc:9090", "query": query, "threshold": "0.8"}
    return {
        "apiVersion": KEDA,
        "kind": "ScaledObject",
        "metadata": {"name": SERVER, "namespace": NAMESPACE, "annotations": annotations or {}},
        "spec": {
            "scaleTargetRef": {"name": SERVER},
            "minReplicaCount": 1,
            "maxReplicaCount": 4,
            "triggers": [{"type": "prometheus", "metadata": metadata | trigger}],
        },
    }


def hpa_at_its_maximum() -> Document:
    metric = {"name": "vllm_num_requests"}
    conditions = [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas", "message": "limited"}]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": SERVER, "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": SERVER},
            "minReplicas": 1,
            "maxReplicas": 1,
            "metrics": [
                {"type": "Pods", "pods": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "10"}}}
            ],
        },
        "status": {
            "currentReplicas": 1,
            "desiredReplicas": 1,
            "conditions": conditions,
            "currentMetrics": [{"type": "Pods", "pods": {"metric": metric, "current": {"averageValue": "19"}}}],
        },
    }


def monitor() -> Document:
    return {
        "apiVersion": MONITORING,
        "kind": "ServiceMonitor",
        "metadata": {"name": "dcgm-exporter", "namespace": "gpu-monitoring"},
        "spec": {"selector": {"matchLabels": {"app": "dcgm-exporter"}}, "endpoints": [{"port": "metrics"}]},
    }


def add(lab: Lab, *documents: Document) -> None:
    for document in documents:
        lab.store.create(document)
    lab.world.settle()


def live(lab: Lab, api_version: str, kind: str, name: str = SERVER, namespace: str = NAMESPACE) -> Document:
    return lab.store.get(api_version, kind, namespace, name)


CASES = [
    pytest.param(
        scaled("avg(vllm:kv_cache_usage_perc)"),
        "autoscaler-query-capped",
        "fix-scaling-query",
        lambda spec: spec["triggers"][0]["metricType"] == "Value",
        id="capped",
    ),
    pytest.param(
        scaled("sum(vllm:gpu_cache_usage_perc)"),
        "metric-renamed",
        "fix-scaling-query",
        lambda spec: spec["triggers"][0]["metadata"]["query"] == "sum(vllm:kv_cache_usage_perc)",
        id="renamed",
    ),
    pytest.param(
        scaled("sum(vllm:num_requests_waiting)", annotations={"autoscaling.keda.sh/paused": "true", "note": "mine"}),
        "autoscaler-paused",
        "fix-paused-autoscaler",
        lambda spec: True,
        id="paused",
    ),
]


@pytest.mark.parametrize(("document", "cause", "runbook", "holds"), CASES)
async def test_an_autoscaler_is_set_right(
    document: Document,
    cause: str,
    runbook: str,
    holds: Callable[[Document], bool],
    start_lab: StartLab,
    tmp_path: Path,
) -> None:
    lab = await start_lab("gated-model")
    add(lab, document)
    before = live(lab, KEDA, "ScaledObject")
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, Ref("ScaledObject", SERVER, NAMESPACE), cause)
        assert plan.runbook == runbook
        result = await fixed(session, plan)
        after = live(lab, KEDA, "ScaledObject")
        assert holds(after["spec"])
        assert "autoscaling.keda.sh/paused" not in (after["metadata"].get("annotations") or {})
        await taken_back(session, result)
    now = live(lab, KEDA, "ScaledObject")
    assert (now["spec"], now["metadata"]["annotations"]) == (before["spec"], before["metadata"]["annotations"])


async def test_a_maximum_is_raised_to_what_the_metrics_ask_for_and_the_gpus_hold(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("gated-model")
    add(lab, hpa_at_its_maximum())
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, Ref("HorizontalPodAutoscaler", SERVER, NAMESPACE), "autoscaler-at-max")
    (change,) = plan.changes
    assert (plan.runbook, plan.params["maximum"]) == ("fix-autoscaler-max", 2)
    assert (change.before["spec"], change.after["spec"]) == ({"maxReplicas": 1}, {"maxReplicas": 2})


async def test_gpu_metrics_keep_the_labels_of_their_pods(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    add(lab, scaled(GPU_QUERY, threshold="60", metricType="Value"), monitor())
    where = (MONITORING, "ServiceMonitor", "dcgm-exporter", "gpu-monitoring")
    before = live(lab, *where)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, Ref("ScaledObject", SERVER, NAMESPACE), "metric-labels-lost")
        assert plan.runbook == "fix-metric-labels"
        result = await fixed(session, plan)
        assert live(lab, *where)["spec"]["endpoints"] == [{"port": "metrics", "honorLabels": True}]
        await taken_back(session, result)
    assert live(lab, *where)["spec"] == before


async def test_an_exporter_is_let_onto_the_gpu_nodes(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    where = ("apps/v1", "DaemonSet", "dcgm-exporter", "gpu-monitoring")
    intolerant = live(lab, *where)
    del intolerant["spec"]["template"]["spec"]["tolerations"]
    lab.store.update(intolerant)
    await lab.advance(60)
    before = live(lab, *where)["spec"]
    async with session_on(lab, tmp_path) as session:
        subject = Ref("DaemonSet", "dcgm-exporter", "gpu-monitoring")
        plan = await planned(lab, session, subject, "dcgm-exporter-failure")
        result = await fixed(session, plan)
        (toleration,) = live(lab, *where)["spec"]["template"]["spec"]["tolerations"]
        assert toleration == {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        await taken_back(session, result)
    assert live(lab, *where)["spec"] == before
