"""What makes new things, or moves and clears old ones, on the lab: planned, carried out, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.broken import NAME, server
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.operators import ALERTS, GROUPS, MONITOR, RUNTIME, SCALED_OBJECT, SERVICE, install
from tests.lab.test_fix_five import carried_out, live
from tests.lab.test_fix_runbooks import fixed, planned, taken_back
from vops.errors import InputError
from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import A10G
from vops.lab.manifests import node
from vops.lab.scenarios._cluster import monitoring
from vops.lab.world import Lab
from vops.model.objects import Ref
from vops.operations.running.run import plan_run
from vops.operations.running.runs import Ending
from vops.planning.plan import Gate

SERVER = "qwen3-4b"
MODEL = {"name": "new", "model": "Qwen/Qwen3-4B", "max_model_len": 4096}
PASSING = ("Pod", "Event", "Lease", "ReplicaSet", "EndpointSlice", "Endpoints", "ControllerRevision", "ConfigMap")


def made(lab: Lab) -> set[tuple[str, str, str]]:
    kinds = [kind for kind in lab.store.catalog if kind.kind not in PASSING]
    found = ((kind.kind, item["metadata"]) for kind in kinds for item in lab.store.list(kind.api_version, kind.kind))
    return {(kind, meta.get("namespace", ""), meta["name"]) for kind, meta in found}


async def carry(lab: Lab, folder: Path, runbook: str, params: dict[str, Any]) -> set[str]:
    """Carries a runbook out and takes it back; the answer is what kinds of things it had made."""
    before = made(lab)
    async with session_on(lab, folder) as session:
        plan = await plan_run(session, runbook, params)
        assert not lab.server.writes
        result = await carried_out(session, plan, Person())
        assert result.error is None, result.steps
        new = made(lab) - before
        await taken_back(session, result)
    await lab.advance(30)
    assert made(lab) == before
    return {kind for kind, _, _ in new}


async def test_replicas_follow_the_load(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    install(lab, SCALED_OBJECT)
    monitoring(lab.world)
    lab.world.settle()
    await lab.advance(60)
    given = {"target": f"deployment/{SERVER}", "maximum": 2}
    assert await carry(lab, tmp_path, "enable-autoscaling", given) >= {"ScaledObject"}


async def test_a_second_autoscaler_is_not_added(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": SERVER}
    lab.store.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "mine", "namespace": NAMESPACE},
            "spec": {"scaleTargetRef": target, "maxReplicas": 3},
        }
    )
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(Exception, match="two of them fight"):
            await plan_run(session, "enable-autoscaling", {"target": f"deployment/{SERVER}", "maximum": 2, "by": "hpa"})


async def test_gpus_are_watched_where_nobody_did(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    install(lab, MONITOR)
    lab.store.delete("apps/v1", "DaemonSet", "gpu-monitoring", "dcgm-exporter")
    lab.world.registry.add("nvidia/dcgm-exporter:3.3.9-3.6.1-ubuntu22.04")
    lab.world.settle()
    await lab.advance(60)
    given = {"namespace": "gpu-monitoring"}
    assert await carry(lab, tmp_path, "install-monitoring", given) == {
        "DaemonSet",
        "Service",
        "ServiceMonitor",
    }


async def test_a_second_exporter_is_not_added(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "install-monitoring", {"namespace": "inference"})
    assert plan.nothing_to_do


async def test_alerts_are_added(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    install(lab, ALERTS)
    assert await carry(lab, tmp_path, "add-alerts", {}) == {"PrometheusRule"}


@pytest.mark.parametrize("runbook", ["add-alerts", "kserve-deploy", "multi-node"])
async def test_an_operator_that_is_missing_is_said_before_anything_is_made(
    runbook: str, start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(InputError, match="the cluster does not have them"):
            await plan_run(session, runbook, {} if runbook == "add-alerts" else MODEL)


async def test_prefill_and_decode_are_served_apart(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    kinds = await carry(lab, tmp_path, "disaggregate", {**MODEL, "start_timeout": "15m"})
    assert {"Deployment", "Service"} <= kinds


@pytest.mark.parametrize(("runbook", "kinds"), [("kserve-deploy", (SERVICE, RUNTIME)), ("multi-node", (GROUPS,))])
async def test_an_operator_is_given_a_model_to_serve(
    runbook: str,
    kinds: tuple[tuple[str, str], ...],
    start_lab: StartLab,
    tmp_path: Path,
) -> None:
    lab = await start_lab("gated-model")
    install(lab, *kinds)
    assert {kind for _, kind in kinds} <= await carry(lab, tmp_path, runbook, MODEL)


async def test_a_nodes_servers_move_to_another_node(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "drain-node", {"node": "node/gpu-l4-2"})
        before = [item for item in pods(lab) if item["spec"].get("nodeName") == "gpu-l4-2"]
        assert before
        person = Person()
        result = await carried_out(session, plan, person)
        assert (result.error, result.outcome) == (None, Ending.FIXED), result.steps
        asked = [item.target.name for item in person.questions if item.target and item.gate is Gate.TYPE_NAME]
        assert asked == ["gpu-l4-2"], "whose name is typed"
        assert not [item for item in pods(lab) if item["spec"].get("nodeName") == "gpu-l4-2"]
        await taken_back(session, result)
    assert not lab.store.get("v1", "Node", "", "gpu-l4-2")["spec"].get("unschedulable")


async def test_failed_pods_are_cleared_away(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    (pod,) = [item for item in pods(lab) if item["metadata"]["name"].startswith(SERVER)]
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    lab.store.update_status({**copy_of(pod), "status": evicted})
    lab.world.settle()
    await lab.advance(200)
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "clean-failed-pods", {"target": f"deployment/{SERVER}"})
        result = await carried_out(session, plan, Person())
        again = await plan_run(session, "clean-failed-pods", {"target": f"deployment/{SERVER}"})
    assert result.error is None
    assert pod["metadata"]["uid"] not in [item["metadata"]["uid"] for item in pods(lab)]
    assert again.nothing_to_do


async def test_a_stockout_falls_back_to_a_card_that_is_free_and_holds_the_model(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("gpu-stockout")
    lab.store.delete("apps/v1", "Deployment", NAMESPACE, "llama3-8b")
    lab.store.create(server())
    lab.world.settle()
    await lab.advance(900)
    lab.store.create(node("gpu-a10g-1", gpu=A10G, gpus=1, cpu=12, memory_gib=64))
    lab.world.settle()
    await lab.advance(60)
    async with session_on(lab, tmp_path) as session:
        plan = await planned(lab, session, Ref("Deployment", NAME, NAMESPACE), "gpu-stockout", {"deadline": "10m"})
        assert plan.params["fallback"] == {"nvidia.com/gpu.product": "NVIDIA-A10G"}
        await fixed(session, plan)
    assert live(lab, NAME)["status"]["readyReplicas"] == 1


def pods(lab: Lab) -> list[Document]:
    return list(lab.store.list("v1", "Pod", NAMESPACE))
