"""Many GPU nodes and pods without kubelets: kwok plays their lives by our Stages, fake servers listen for the pods.

Only nodes made here are kwok's; the real node, if there is one, is left alone. kwok is for numbers: what its pods
say about failures is what the Stages make up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.controlplane import ControlPlane, Document
from tests.cluster.images import DATA, LOADS
from tests.cluster.node import TAINT
from tests.cluster.processes import Server, wait_for

PRODUCT = "NVIDIA-H100-80GB-HBM3"
GPUS_PER_NODE = 8
PORT = 10247
DCGM_PORT = 9400
STAGES = Path(__file__).parent / "stages"
FAILURES = {"crash-loop": "kv-too-small.log", "oom": "loading.log"}
"""By lifecycle, whose name is also the namespace's: the recorded log of a failing container."""
LOADING_LINES = 22
"""How far the log of a container gets that has not finished loading: to the weights."""


@dataclass
class Kwok:
    """The kubelet stand-in and the fake servers on its pods' addresses."""

    control_plane: ControlPlane
    kwok: Server | None = None
    engines: Server | None = None
    nodes: list[str] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.control_plane.workspace.directory("kwok")

    def start(self) -> Kwok:
        command = [
            "kwok",
            f"--kubeconfig={self.control_plane.admin}",
            "--manage-nodes-with-label-selector=type=kwok",
            "--cidr=10.244.0.0/16",
            "--node-ip=127.0.0.1",
            f"--node-port={PORT}",
            f"--server-address=127.0.0.1:{PORT}",
            "--node-lease-duration-seconds=40",
            f"--config={STAGES / 'nodes.yaml'}",
            f"--config={STAGES / 'pods.yaml'}",
            f"--config={self._write_logs()}",
        ]
        self.kwok = Server("kwok", command, self.control_plane.workspace.logs / "kwok.log").start()
        return self

    def stop(self) -> None:
        for server in (self.engines, self.kwok):
            if server:
                server.stop()

    def add_nodes(self, count: int, *, taints: Sequence[Document] = (TAINT,)) -> None:
        """GPU nodes of GPUS_PER_NODE cards each; returns when all are Ready."""
        names = [f"h100-{len(self.nodes) + index + 1}" for index in range(count)]
        self.control_plane.apply(*(_node(name, taints) for name in names))
        self.nodes += names
        wait_for("kwok's nodes to be Ready", lambda: self._ready_nodes() >= set(self.nodes), servers=self._servers())

    def remove_nodes(self) -> None:
        self.control_plane.kubectl("delete", "nodes", "--selector=type=kwok", "--wait=true")
        self.nodes.clear()

    def listen(self, pods: Iterable[Document]) -> None:
        """Fake servers for `pods`: by label `lifecycle` and `load` a vLLM, by label `app` a DCGM exporter.

        A pod that is not ready gets no server, so it refuses connections as a loading vLLM does.
        """
        everything = list(pods)
        served = [_engine(pod) for pod in everything if _is_serving(pod)]
        exporters = [_exporter(pod, everything) for pod in everything if pod["metadata"]["labels"].get("app") == "dcgm"]
        described = "".join(json.dumps(server) + "\n" for server in [*served, *exporters])
        listing = self.directory / "servers.jsonl"
        listing.write_text(described)
        if self.engines:
            self.engines.stop()
        log = self.control_plane.workspace.logs / "engines.log"
        log.unlink(missing_ok=True)
        command = ["sh", "-c", f"exec python -m tests.cluster.engines <{listing}"]
        self.engines = Server("engines", command, log).start()
        wait_for("the fake servers", lambda: "listening" in log.read_text(), servers=[self.engines])

    # --- the parts --------------------------------------------------------------------------------------------

    def _servers(self) -> Sequence[Server]:
        return [self.kwok] if self.kwok else []

    def _ready_nodes(self) -> set[str]:
        items = self.control_plane.get("nodes", "--selector=type=kwok")["items"]
        return {item["metadata"]["name"] for item in items if _is_ready(item)}

    def _write_logs(self) -> Path:
        """Recorded logs as files in CRI's format, served for the pods of the namespace named after the failure."""
        documents: list[Document] = [_cluster_logs("loading", self._cri("loading.log"), None, ("loading",))]
        for namespace, recording in FAILURES.items():
            path = self._cri(recording)
            documents.append(_cluster_logs(namespace, path, path, (namespace,)))
        path = self.directory / "logs.yaml"
        path.write_text(yaml.safe_dump_all(documents))
        return path

    def _cri(self, recording: str) -> Path:
        path = self.directory / f"{recording}.cri"
        lines = (DATA / recording).read_bytes().rstrip(b"\n").split(b"\n")
        kept = lines[:LOADING_LINES] if recording == "loading.log" else lines
        path.write_bytes(b"".join(b"2026-01-01T00:00:00.000000000Z stdout F %s\n" % line for line in kept))
        return path


def lifecycle(name: str, *, load: str = "steady") -> dict[str, str]:
    """Labels that choose how kwok plays a pod, and which recorded load its fake server shows."""
    return {"lifecycle": name, "load": load}


def exporters(namespace: str, nodes: Sequence[str]) -> list[Document]:
    """A DCGM exporter pod for each node, as a DaemonSet would make it."""
    container = {
        "name": "dcgm-exporter",
        "image": "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3",
        "ports": [{"name": "metrics", "containerPort": DCGM_PORT}],
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": namespace,
                "name": f"nvidia-dcgm-exporter-{node}",
                "labels": {"app": "dcgm", "app.kubernetes.io/name": "dcgm-exporter"},
            },
            "spec": {"nodeName": node, "containers": [container], "tolerations": [{"operator": "Exists"}]},
        }
        for node in nodes
    ]


def _node(name: str, taints: Sequence[Document]) -> Document:
    resources = {
        "cpu": "128",
        "memory": "1Ti",
        "ephemeral-storage": "1Ti",
        "pods": "250",
        "nvidia.com/gpu": str(GPUS_PER_NODE),
    }
    labels = {
        "type": "kwok",
        "kubernetes.io/hostname": name,
        "nvidia.com/gpu.product": PRODUCT,
        "nvidia.com/gpu.count": str(GPUS_PER_NODE),
        "nvidia.com/gpu.memory": "81559",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": list(taints)},
        "status": {"capacity": resources, "allocatable": resources},
    }


def _cluster_logs(name: str, current: Path, previous: Path | None, namespaces: Sequence[str]) -> Document:
    log: dict[str, Any] = {"containers": ["vllm"], "logsFile": str(current)}
    if previous:
        log["previousLogsFile"] = str(previous)
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": name},
        "spec": {"selector": {"matchNamespaces": list(namespaces)}, "logs": [log]},
    }


def _is_ready(item: Document) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _is_serving(pod: Document) -> bool:
    return pod["metadata"]["labels"].get("load") in LOADS and _is_ready(pod)


def _engine(pod: Document) -> Document:
    container = pod["spec"]["containers"][0]
    return {
        "address": pod["status"]["podIP"],
        "port": container["ports"][0]["containerPort"],
        "load": pod["metadata"]["labels"]["load"],
        "model": container["args"][0],
    }


def _exporter(pod: Document, pods: Sequence[Document]) -> Document:
    """Its node's cards, handed out to the node's vLLM pods in their order."""
    node = pod["spec"]["nodeName"]
    users = [other for other in pods if other["spec"].get("nodeName") == node and _gpus(other)]
    holders = [user["metadata"] for user in users for _ in range(_gpus(user))]
    cards = []
    for index in range(GPUS_PER_NODE):
        labels = {
            "gpu": str(index),
            "UUID": f"GPU-{node}-{index}",
            "device": f"nvidia{index}",
            "modelName": PRODUCT.replace("-", " "),
            "Hostname": node,
        }
        if index < len(holders):
            holder = holders[index]
            labels |= {"container": "vllm", "namespace": holder["namespace"], "pod": holder["name"]}
        cards.append(labels)
    return {"address": pod["status"]["podIP"], "port": DCGM_PORT, "gpus": cards}


def _gpus(pod: Document) -> int:
    limits = pod["spec"]["containers"][0].get("resources", {}).get("limits", {})
    return int(limits.get("nvidia.com/gpu", 0))
