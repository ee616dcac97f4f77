"""Runbooks on a real scheduler, real controllers and a real kubelet, run as users do: what they write, what serves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import vllm_pods
from tests.cluster.command import Done, Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.failures import NAME, Workload, restarted
from tests.cluster.images import VLLM, VLLM_NEXT
from tests.cluster.node import GpuNode
from tests.cluster.processes import wait_for

Document = dict[str, Any]
TARGET = ("-p", f"target=deployment/{NAME}")
AGREED = ("--yes", "--confirm", f"target={NAME}")
KEDA = Path(os.environ.get("VOPS_CLUSTER_CACHE", ".cache/cluster")) / "crds/keda.sh_scaledobjects.yaml"


@pytest.fixture
def workload(control_plane: ControlPlane, gpu_node: GpuNode, namespace: str) -> Workload:
    return Workload(control_plane, namespace)


def made(workload: Workload, container: Document | None = None, **spec: Any) -> None:
    found = vllm_pods.pod_spec(**spec)
    found["containers"][0] |= container or {}
    workload.control_plane.apply(vllm_pods.deployment(workload.namespace, NAME, found))


def serving(workload: Workload, **spec: Any) -> None:
    made(workload, **spec)
    wait_for("the server to serve", workload.is_serving, within_s=60)


def broken(workload: Workload, container: Document | None = None, **spec: Any) -> str:
    """A server that keeps dying; the answer is its pod."""
    made(workload, container, **spec)
    return wait_for("it to die", lambda: next((_name(pod) for pod in workload.pods() if restarted(pod)), None))


def _name(pod: Document) -> str:
    return str(pod["metadata"]["name"])


def container(workload: Workload) -> Document:
    found: Document = workload.deployment()["spec"]["template"]["spec"]["containers"][0]
    return found


def well(done: Done) -> Done:
    assert done.code == 0, done
    return done


def test_a_server_is_upgraded_by_one_pod_first_and_rolled_back(workload: Workload, vops: Vops) -> None:
    serving(workload)
    given = ("-p", f"image={VLLM_NEXT}", "-p", "load=2s", "-p", "soak=4s", "-p", "start_timeout=2m")
    well(vops("run", "upgrade-image", *TARGET, *given, *AGREED))
    assert container(workload)["image"] == VLLM_NEXT
    assert "paused" not in workload.deployment()["spec"]
    wait_for("the new version to serve", workload.is_serving)
    well(vops("run", "rollback", *TARGET, "--yes"))
    assert container(workload)["image"] == VLLM
    wait_for("the old version to serve", workload.is_serving)


def test_a_model_is_scaled_up_and_down(workload: Workload, vops: Vops) -> None:
    serving(workload)
    well(vops("run", "scale", *TARGET, "-p", "replicas=2", "--yes"))
    assert workload.deployment()["status"]["readyReplicas"] == 2
    well(vops("run", "scale", *TARGET, "-p", "replicas=1", "--yes"))
    wait_for("one to be left", workload.is_serving)


def test_a_server_gets_the_memory_that_it_needs(workload: Workload, vops: Vops) -> None:
    limits = {"resources": {"limits": {"nvidia.com/gpu": "1", "memory": "64Mi"}}}
    pod = broken(workload, limits, environment={"FAKE_NEEDS_MIB": "100"})
    done = well(vops("fix", pod, "--yes"))
    assert "fix-host-oom" in done.out + done.err
    assert container(workload)["resources"]["limits"]["memory"].endswith("Gi")
    wait_for("it to serve", workload.is_serving)


def test_workers_get_the_shared_memory_that_they_need(workload: Workload, vops: Vops) -> None:
    pod = broken(workload, environment={"FAKE_SHARES_MIB": "100"})
    done = well(vops("fix", pod, "--yes"))
    assert "fix-shm" in done.out + done.err
    spec = workload.deployment()["spec"]["template"]["spec"]
    assert {"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}} in spec["volumes"]
    wait_for("it to serve", workload.is_serving)


def test_a_service_is_led_to_its_servers(workload: Workload, vops: Vops) -> None:
    serving(workload)
    port = {"port": 80, "targetPort": 8080}
    metadata = {"name": NAME, "namespace": workload.namespace}
    spec = {"selector": {"app": NAME}, "ports": [port]}
    workload.control_plane.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    done = well(vops("fix", f"deploy/{NAME}", "--yes"))
    assert "fix-service" in done.out + done.err
    wait_for("the endpoints to have the server's port", lambda: _ports(workload) == {8000})


def _ports(workload: Workload) -> set[int]:
    slices = workload.control_plane.get("endpointslices", "-n", workload.namespace)["items"]
    return {port["port"] for item in slices for port in item["ports"] or ()}


def test_a_query_that_is_capped_follows_its_load(workload: Workload, vops: Vops) -> None:
    """No KEDA runs here, so its word that it has looked at the object is written in its place."""
    serving(workload)
    plane = workload.control_plane
    plane.kubectl("apply", "--server-side", "-f", str(KEDA))
    plane.kubectl("wait", "--for=condition=Established", "crd/scaledobjects.keda.sh")
    metadata = {"serverAddress": "http://prometheus:9090", "query": "avg(vllm:kv_cache_usage_perc)", "threshold": "0.8"}
    triggers = [{"type": "prometheus", "metadata": metadata}]
    plane.apply(
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": NAME, "namespace": workload.namespace},
            "spec": {"scaleTargetRef": {"name": NAME}, "maxReplicaCount": 4, "triggers": triggers},
        }
    )
    looked = {
        "conditions": [{"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "as KEDA says"}]
    }
    plane.kubectl(
        "patch", "scaledobject", NAME, "-n", workload.namespace, "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": looked}),
    )  # fmt: skip
    done = well(vops("fix", f"so/{NAME}", "--yes"))
    assert "fix-scaling-query" in done.out + done.err
    scaled = plane.get("scaledobject", NAME, "-n", workload.namespace)
    assert scaled["spec"]["triggers"][0]["metricType"] == "Value"


def test_an_autoscaler_without_its_metric_is_no_success_and_is_taken_back(workload: Workload, vops: Vops) -> None:
    """The real controller says that nobody serves custom metrics here."""
    serving(workload)
    given = ("-p", "by=hpa", "-p", "maximum=2", "-p", "metric_timeout=5s")
    done = vops("run", "enable-autoscaling", *TARGET, *given, "--yes")
    assert done.code == 11, done
    hpas = workload.control_plane.get("hpa", "-n", workload.namespace)["items"]
    assert [item["spec"]["maxReplicas"] for item in hpas] == [2]
    run = vops("runs", "-o", "json").json()[0]["run"]
    well(vops("undo", run, "--yes"))
    assert workload.control_plane.get("hpa", "-n", workload.namespace)["items"] == []
