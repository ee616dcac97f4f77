"""The fleet on kwok's nodes: every state that a pod can be in, numbers through the API server's pod proxy, GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster import vllm_pods
from tests.cluster.command import Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.images import LOADS
from tests.cluster.kwok import FAILURES, PRODUCT, Kwok, exporters, lifecycle
from tests.cluster.processes import wait_for

Document = dict[str, Any]
SERVING, LOADING = "serving", "loading"
REPLICAS = 2


def _deployment(namespace: str, name: str, labels: dict[str, str], replicas: int = 1) -> Document:
    spec = vllm_pods.pod_spec(model=f"models/{name}", product=PRODUCT)
    deployment = vllm_pods.deployment(namespace, name, spec, replicas=replicas)
    deployment["spec"]["template"]["metadata"]["labels"] |= labels
    return deployment


def _restarts(pod: Document) -> int:
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def _has_started(pod: Document) -> bool:
    failing = pod["metadata"]["namespace"] in FAILURES
    return pod["status"]["phase"] == "Running" and (not failing or _restarts(pod) > 0)


@pytest.fixture(scope="module")
def fleet(control_plane: ControlPlane, kwok: Kwok) -> None:
    """Two GPU nodes with a Deployment for each recorded load, a loading one and one for each way to fail."""
    kwok.add_nodes(2)
    for name in (SERVING, LOADING, *FAILURES):
        control_plane.make_namespace(name)
    deployments = [_deployment(SERVING, load, lifecycle("ready", load=load), REPLICAS) for load in LOADS]
    deployments += [_deployment(name, name, lifecycle(name)) for name in (LOADING, *FAILURES)]
    control_plane.apply(*deployments, *exporters(SERVING, kwok.nodes))
    expected = len(LOADS) * REPLICAS + 1 + len(FAILURES) + len(kwok.nodes)
    wait_for("all pods to start", lambda: _started(control_plane) == expected, within_s=60)
    kwok.listen(control_plane.get("pods", "-A")["items"])


def _started(control_plane: ControlPlane) -> int:
    return sum(map(_has_started, control_plane.get("pods", "-A")["items"]))


@pytest.fixture
def rows(control_plane: ControlPlane, fleet: None, tmp_path: Path) -> list[Document]:
    document = Vops(tmp_path, control_plane.admin)("fleet", "-A", "-o", "json").json()
    replicas: list[Document] = document["replicas"]
    return replicas


@pytest.mark.parametrize(
    ("namespace", "state"),
    [(SERVING, "ready"), (LOADING, "loading"), ("crash-loop", "crash-looping"), ("oom", "crash-looping")],
)
def test_each_replica_shows_the_state_of_its_pod(rows: list[Document], namespace: str, state: str) -> None:
    assert {row["state"] for row in rows if row["namespace"] == namespace} == {state}


def test_a_ready_replica_shows_what_its_engine_and_gpus_say(rows: list[Document]) -> None:
    row = next(row for row in rows if row["model"] == "models/saturated")

    assert row["gpu"] == PRODUCT
    assert (row["running"], row["waiting"]) == (10, 69)
    assert row["kv_usage"] == pytest.approx(0.9125, abs=0.001)
    assert 0.4 <= row["gpu_util"] <= 1.0


def test_what_does_not_serve_has_no_numbers(rows: list[Document]) -> None:
    silent = [row for row in rows if row["namespace"] != SERVING]

    assert len(silent) == 1 + len(FAILURES)
    assert {row[name] for row in silent for name in ("running", "waiting", "kv_usage", "tokens_per_s")} == {None}


def test_a_container_killed_for_memory_is_told_from_one_that_failed(
    control_plane: ControlPlane, fleet: None, tmp_path: Path
) -> None:
    vops = Vops(tmp_path, control_plane.admin)
    pods = {name: vops.replica(f"{name}-") for name in FAILURES}
    causes = {name: vops.diagnose(str(row["pod"]))["findings"][0]["cause"] for name, row in pods.items() if row}

    assert causes["crash-loop"] == "kv-cache-too-small"
    assert causes["oom"] != "kv-cache-too-small"
