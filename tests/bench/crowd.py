"""A cluster of about 1,000 pods, 100 of them vLLM replicas with fake servers, on kwok's nodes."""

from __future__ import annotations

from tests.cluster import vllm_pods
from tests.cluster.controlplane import ControlPlane, Document
from tests.cluster.images import LOADS
from tests.cluster.kwok import GPUS_PER_NODE, PRODUCT, Kwok, exporters, lifecycle
from tests.cluster.processes import wait_for

MODELS, REPLICAS_EACH = 10, 10
REPLICAS = MODELS * REPLICAS_EACH
SERVICES, PODS_EACH = 18, 50
NODES = REPLICAS // GPUS_PER_NODE + 1
NAMESPACE = "serving"


def gather(plane: ControlPlane, kwok: Kwok) -> int:
    """Makes everything, waits until it runs and listens, and returns how many pods there are."""
    kwok.add_nodes(NODES)
    for namespace in (NAMESPACE, "web"):
        plane.make_namespace(namespace)
    plane.apply(*map(_model, range(MODELS)), *map(_service, range(SERVICES)), *exporters(NAMESPACE, kwok.nodes))
    expected = REPLICAS + SERVICES * PODS_EACH + NODES
    wait_for("all pods to run", lambda: _running(plane) == expected, within_s=180, every_s=1)
    kwok.listen(plane.get("pods", "-n", NAMESPACE)["items"])
    return expected


def _model(index: int) -> Document:
    load = list(LOADS)[index % len(LOADS)]
    spec = vllm_pods.pod_spec(model=f"models/model-{index}", product=PRODUCT)
    deployment = vllm_pods.deployment(NAMESPACE, f"model-{index}", spec, replicas=REPLICAS_EACH)
    deployment["spec"]["template"]["metadata"]["labels"] |= lifecycle("ready", load=load)
    return deployment


def _service(index: int) -> Document:
    container = {
        "name": "web",
        "image": "nginx:1.29",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": f"SETTING_{number}", "value": "some text"} for number in range(10)],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    spec = {"containers": [container], "tolerations": [vllm_pods.TOLERATION]}
    return vllm_pods.deployment("web", f"web-{index}", spec, replicas=PODS_EACH)


def _running(plane: ControlPlane) -> int:
    phases = plane.kubectl("get", "pods", "-A", "-o", "jsonpath={.items[*].status.phase}").split()
    return phases.count("Running")
