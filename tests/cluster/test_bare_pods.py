"""Pods that nothing owns: diagnosed like any other, and nothing that cannot be written to them is promised."""

from __future__ import annotations

import pytest

from tests.cluster import vllm_pods
from tests.cluster.command import Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.failures import FAILURES
from tests.cluster.node import GpuNode
from tests.cluster.processes import wait_for

BY_HAND = 7


@pytest.mark.parametrize("name", ["untolerated-taint", "startup-probe-kills-a-loading-server", "kv-cache-too-small"])
def test_a_bare_pod_is_diagnosed_and_its_fix_is_not_forced(
    name: str, control_plane: ControlPlane, gpu_node: GpuNode, namespace: str, vops: Vops
) -> None:
    failure = FAILURES[name]
    control_plane.apply(vllm_pods.bare_pod(namespace, "llm", failure.spec()))
    wait_for(failure.cause, lambda: failure.shows(control_plane.get("pod", "llm", "-n", namespace)), within_s=60)

    assert vops.diagnose("llm")["findings"][0]["cause"] == failure.cause

    before = control_plane.get("pod", "llm", "-n", namespace)["spec"]
    done = vops("fix", "llm", "--yes")
    assert done.code == BY_HAND, done
    assert "this is for you to do" in done.err
    assert control_plane.get("pod", "llm", "-n", namespace)["spec"] == before


def test_a_loading_server_is_not_a_failure(
    control_plane: ControlPlane, gpu_node: GpuNode, namespace: str, vops: Vops
) -> None:
    control_plane.apply(vllm_pods.bare_pod(namespace, "llm", vllm_pods.pod_spec(load_seconds=30)))
    wait_for("the container", lambda: control_plane.get("pod", "llm", "-n", namespace)["status"]["phase"] == "Running")

    report = vops.diagnose("llm")

    assert report["state"] == "loading"
    assert not [finding for finding in report["findings"] if finding["severity"] == "error"]
