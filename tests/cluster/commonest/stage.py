"""Brings all failures about at once, beside what is well, and tells which of them show.

The healthy ones come first, since some failures are about what those hold.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.cluster.commonest import FAILURES, HEALTHY, nodes
from tests.cluster.commonest.case import SERVING, Case, Document
from tests.cluster.commonest.workloads import NAMESPACES
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import GPUS, GpuNode
from tests.cluster.processes import Server, wait_for

CASES: Mapping[str, Case] = {**FAILURES, **HEALTHY}
KINDS = {"pod": "Pod", "deploy": "Deployment", "hpa": "HorizontalPodAutoscaler", "ds": "DaemonSet"}
"""By the prefix of a target."""
WITHIN_S = 180


@dataclass
class Stage:
    """The real node, kwok's nodes, a registry that refuses, and the namespaces of all cases."""

    control_plane: ControlPlane
    node: GpuNode
    servers: list[Server] = field(default_factory=list)
    """The registry and the device plugin."""
    shown: dict[str, Document] = field(default_factory=dict)
    """By the case's name the object, as it was when it showed first."""

    def set_up(self) -> Stage:
        """Makes everything and gives it the time that it takes; what never shows is not in `shown`."""
        self._serve("registry", "python", "-m", "tests.cluster.registry")
        plugin = self._serve("gpu-plugin", "gpu-plugin", nodes.SHARED, "2")
        self.node.advertise(nodes.GPUS)
        for name in NAMESPACES:
            self.control_plane.make_namespace(name)
        self.control_plane.apply(*map(_namespace, NAMESPACES), *nodes.everywhere(), *_made(HEALTHY), *nodes.early())
        wait_for("the first pods", lambda: self._placed({"holder", "outranked", *HEALTHY}), within_s=120)
        self._fail(plugin)
        self.control_plane.apply(*nodes.late(), *_made(FAILURES))
        self._watch()
        return self

    def remove(self) -> None:
        """Takes everything away again; the namespaces go on ending by themselves once no pod is left."""
        plane = self.control_plane
        for name in NAMESPACES:
            scaled = "deployments,replicasets,daemonsets"
            plane.kubectl("delete", scaled, "--all", "-n", name, "--wait=false", "--cascade=orphan")
            plane.kubectl("delete", "pods", "--all", "-n", name, "--wait=false", "--grace-period=0", "--force")
        wait_for("all pods to be gone", lambda: not any(map(self._pods, NAMESPACES)), within_s=60)
        plane.kubectl("delete", "namespaces", *NAMESPACES, "--ignore-not-found", "--wait=false")
        listing = {"apiVersion": "v1", "kind": "List", "items": list(nodes.everywhere())}
        plane.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", given=json.dumps(listing))
        self.node.advertise(GPUS)
        for server in self.servers:
            server.stop()

    def _serve(self, name: str, *command: str) -> Server:
        log = self.control_plane.workspace.logs / f"{name}.log"
        self.servers.append(Server(name, command, log).start())
        return self.servers[-1]

    def _fail(self, plugin: Server) -> None:
        """The GPUs that a device plugin offers become unhealthy."""
        wait_for("the plugin's GPUs", lambda: self.node.offers(nodes.SHARED, 2), servers=self.servers)
        plugin.send(signal.SIGUSR1)
        wait_for("them to fail", lambda: self.node.offers(nodes.SHARED, 0), servers=self.servers)

    def _watch(self) -> None:
        """Until each case shows. The node that is to be lost is taken from kwok once its pod runs there."""
        deadline = time.monotonic() + WITHIN_S
        kept = True
        while len(self.shown) < len(CASES) and time.monotonic() < deadline:
            time.sleep(1)
            objects = self._objects()
            for name, case in CASES.items():
                item = objects.get((KINDS[case.kind], name))
                if item and case.shows(item):
                    self.shown.setdefault(name, item)
            victim = objects.get(("Pod", "node-gone"))
            if kept and victim and victim["status"]["phase"] == "Running":
                self.control_plane.kubectl("label", "node", nodes.LOST_NODE, "type-")
                kept = False

    def _objects(self) -> dict[tuple[str, str], Document]:
        """What cases are about, by kind and name; deleted ones that are still there come last."""
        items = self.control_plane.get("pods,deployments,horizontalpodautoscalers,daemonsets", "-A")["items"]
        return {(item["kind"], item["metadata"]["name"]): item for item in items}

    def _placed(self, apps: set[str]) -> bool:
        pods = self._pods(SERVING)
        return apps <= {pod["metadata"]["labels"]["app"] for pod in pods if pod["spec"].get("nodeName")}

    def _pods(self, namespace: str) -> list[Document]:
        items: list[Document] = self.control_plane.get("pods", "-n", namespace)["items"]
        return items


def _made(cases: Mapping[str, Case]) -> list[Document]:
    return [item for name, case in cases.items() for item in case.made(case.namespace, name)]


def _namespace(name: str) -> Document:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**NAMESPACES[name]}}}
