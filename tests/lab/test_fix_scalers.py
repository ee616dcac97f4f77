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
from vops.lab.monitoring.manifests import scaled_object
from vops.lab.scenarios._cluster import monitoring
from vops.lab.world import Lab
from vops.model.objects import Ref

SERVER = "qwen3-4b"
KEDA = "keda.sh/v1alpha1"
MONITORING = "monitoring.coreos.com/v1"
GPU_QUERY = f'max(DCGM_FI_DEV_GPU_UTIL{{namespace="{NAMESPACE}",pod=~"{SERVER}.*"}})'


def scaled(
    query: str,
    *,
    threshold: str = "0.8",
    most: int = 4,
    annotations: dict[str, str] | None = None,
    **trigger: Any,
) -> Document:
    made = scaled_object(SERVER, query, threshold, most=most, **trigger)
    made["metadata"]["annotations"] = annotations or {}
    return made


AT_ITS_MAXIMUM = scaled("sum(vllm:num_requests_running) * 0 + 2", threshold="1", most=1)


async def watched(lab: Lab, *documents: Document, honor_labels: bool = True) -> None:
    """A lab with a Prometheus, and with these objects for long enough to show what they do."""
    monitoring(lab.world, honor_labels=honor_labels)
    add(lab, *documents)
    await lab.advance(120)


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
    await watched(lab, document)
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


async def test_a_maximum_is_raised_to_what_the_metrics_ask_for(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    await watched(lab, AT_ITS_MAXIMUM)
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, Ref("ScaledObject", SERVER, NAMESPACE), "autoscaler-at-max")
    (change,) = plan.changes
    assert (plan.runbook, plan.params["maximum"]) == ("fix-autoscaler-max", 2)
    assert change.after["spec"] == change.before["spec"] | {"maxReplicaCount": 2}


async def test_gpu_metrics_keep_the_labels_of_their_pods(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    await watched(lab, scaled(GPU_QUERY, threshold="200", metricType="Value"), honor_labels=False)
    where = (MONITORING, "ServiceMonitor", "dcgm-exporter", "gpu-monitoring")
    before = live(lab, *where)["spec"]
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, Ref("ScaledObject", SERVER, NAMESPACE), "metric-labels-lost")
        assert plan.runbook == "fix-metric-labels"
        result = await fixed(session, plan)
        assert live(lab, *where)["spec"]["endpoints"][0]["honorLabels"] is True
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
