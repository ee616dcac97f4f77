"""A cluster of a thousand pods or more, a tenth of them vLLM replicas with fake servers, on kwok's nodes."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster import vllm_pods
from tests.cluster.controlplane import ControlPlane, Document
from tests.cluster.images import LOADS
from tests.cluster.kwok import GPUS_PER_NODE, PRODUCT, Kwok, exporters, lifecycle
from tests.cluster.processes import wait_for

NAMESPACE = "serving"


@dataclass(frozen=True)
class Crowd:
    """How many Deployments of vLLM servers and of other services there are, and how many pods each has."""

    models: int = 10
    replicas_each: int = 10
    services: int = 18
    pods_each: int = 50

    @property
    def replicas(self) -> int:
        return self.models * self.replicas_each

    @property
    def nodes(self) -> int:
        """Enough for a card each, and for the pods beside them, which are a node's exporter and 200 others."""
        return max(self.replicas // GPUS_PER_NODE, self.services * self.pods_each // 200) + 1

    @property
    def pods(self) -> int:
        return self.replicas + self.services * self.pods_each + self.nodes

    def gather(self, plane: ControlPlane, kwok: Kwok) -> None:
        """Makes everything; returns when it runs and listens."""
        kwok.add_nodes(self.nodes)
        for namespace in (NAMESPACE, "web"):
            plane.make_namespace(namespace)
        models = (_model(index, self.replicas_each) for index in range(self.models))
        services = (_service(index, self.pods_each) for index in range(self.services))
        plane.apply(*models, *services, *exporters(NAMESPACE, kwok.nodes))
        wait_for("all pods to run", lambda: _running(plane) == self.pods, within_s=900, every_s=2)
        kwok.listen(plane.get("pods", "-n", NAMESPACE)["items"])


def _running(plane: ControlPlane) -> int:
    listed = plane.kubectl("get", "pods", "-A", "--field-selector=status.phase=Running", "-o", "name")
    return listed.count("\n")


def _model(index: int, replicas: int) -> Document:
    load = list(LOADS)[index % len(LOADS)]
    spec = vllm_pods.pod_spec(model=f"models/model-{index}", product=PRODUCT)
    deployment = vllm_pods.deployment(NAMESPACE, f"model-{index}", spec, replicas=replicas)
    deployment["spec"]["template"]["metadata"]["labels"] |= lifecycle("ready", load=load)
    return deployment


def _service(index: int, replicas: int) -> Document:
    container = {
        "name": "web",
        "image": "nginx:1.29",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": f"SETTING_{number}", "value": "some text"} for number in range(10)],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    spec = {"containers": [container], "tolerations": [vllm_pods.TOLERATION]}
    return vllm_pods.deployment("web", f"web-{index}", spec, replicas=replicas)
