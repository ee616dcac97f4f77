"""One real node: kubelet, containerd and runc, with GPUs as extended resources, tainted and labelled as GPU nodes are.

For what only a kubelet can say: probe kills, exit codes, back-off, previous logs, events, containers truly running.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.controlplane import ADDRESS, ControlPlane, Document
from tests.cluster.images import PAUSE, write_images
from tests.cluster.processes import Server, wait_for
from tests.cluster.registry import trust

NAME = "gpu-node-1"
PRODUCT = "NVIDIA-L4"
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
GPUS = 2
BACK_OFF_S = 4
"""The longest pause between two restarts, so that a crash loop can be watched."""


@dataclass
class GpuNode:
    """The node's two servers."""

    control_plane: ControlPlane
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return self.control_plane.workspace.directory("node")

    @property
    def socket(self) -> Path:
        return self.directory / "containerd.sock"

    def start(self) -> GpuNode:
        """Until the node is Ready and advertises its GPUs; about 4 s."""
        self._make_cgroups()
        self._write_network()
        self._serve("containerd", "containerd", "--config", str(self._write_containerd_config()))
        archive = write_images(self.directory)
        wait_for("containerd", lambda: self._ctr("version"), servers=tuple(self.servers.values()))
        self.load_images(archive)
        self._serve(
            "kubelet",
            "kubelet",
            f"--config={self._write_kubelet_config()}",
            f"--kubeconfig={self.control_plane.admin}",
            f"--root-dir={self.directory / 'kubelet'}",
            f"--cert-dir={self.directory / 'kubelet-tls'}",
            f"--hostname-override={NAME}",
            f"--node-ip={ADDRESS}",
            f"--node-labels=nvidia.com/gpu.product={PRODUCT},nvidia.com/gpu.count={GPUS},nvidia.com/gpu.memory=23034",
        )
        wait_for("the node to be registered", self._is_registered, servers=tuple(self.servers.values()))
        self.advertise(GPUS)
        wait_for("the node to be Ready", self._is_ready, servers=tuple(self.servers.values()))
        return self

    def advertise(self, gpus: int) -> None:
        """Makes the node have that many GPUs, as a device plugin would, in its status; returns when it says so."""
        capacity = [{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": str(gpus)}]
        command = ("patch", "node", NAME, "--subresource=status", "--type=json", f"--patch={json.dumps(capacity)}")
        self.control_plane.kubectl(*command)
        wait_for("the kubelet to offer the GPUs", lambda: self.offers("nvidia.com/gpu", gpus))

    def offers(self, resource: str, count: int) -> bool:
        """Whether it has that many of a resource for pods, by its status."""
        return bool(self._status()["allocatable"].get(resource) == str(count))

    def stop(self) -> None:
        for name in ("kubelet", "containerd"):
            if name in self.servers:
                self.servers[name].stop()

    def load_images(self, archive: Path) -> None:
        """Gives the node what an archive holds, as if it had pulled it. Raises RuntimeError."""
        if not self._ctr("--namespace=k8s.io", "images", "import", str(archive)):
            raise RuntimeError("containerd did not import the images; see ctr.log")

    # --- the parts --------------------------------------------------------------------------------------------

    def _serve(self, name: str, *command: str) -> None:
        self.servers[name] = Server(name, command, self.control_plane.workspace.logs / f"{name}.log").start()

    def _ctr(self, *arguments: str) -> bool:
        log = self.control_plane.workspace.logs / "ctr.log"
        with log.open("ab") as output:
            command = ["ctr", f"--address={self.socket}", *arguments]
            return subprocess.run(command, stdout=output, stderr=output, check=False).returncode == 0

    def _make_cgroups(self) -> None:
        """The kubelet's own root in every hierarchy (version 1), or in the only one (version 2)."""
        top = Path("/sys/fs/cgroup")
        unified = (top / "cgroup.controllers").exists()
        for hierarchy in [top] if unified else [path for path in top.iterdir() if path.is_dir()]:
            (hierarchy / self.control_plane.workspace.cgroup.lstrip("/")).mkdir(exist_ok=True)

    def _write_network(self) -> None:
        network = {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cbr0",
                    "isDefaultGateway": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": str(self.directory / "addresses"),
                        "ranges": [[{"subnet": "10.88.0.0/16", "rangeStart": "10.88.1.1", "gateway": ADDRESS}]],
                    },
                }
            ],
        }
        directory = self.directory / "cni"
        directory.mkdir(exist_ok=True)
        (directory / "10-pods.conflist").write_text(json.dumps(network))

    def _write_containerd_config(self) -> Path:
        path = self.directory / "containerd.toml"
        path.write_text(
            f"""version = 2
root = "{self.directory / "containerd"}"
state = "{self.directory / "containerd-state"}"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{trust(self.directory)}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{self.directory / "cni"}"
"""
        )
        return path

    def _write_kubelet_config(self) -> Path:
        configuration = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": ADDRESS,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": self.control_plane.workspace.cgroup,
            "clusterDNS": ["10.96.0.10"],
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "crashLoopBackOff": {"maxContainerRestartPeriod": f"{BACK_OFF_S}s"},
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "50Mi"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "featureGates": {"KubeletCrashLoopBackOffMax": True},
            "healthzPort": 0,
            "nodeStatusUpdateFrequency": "10s",
            "podLogsDir": str(self.directory / "pod-logs"),
            "registerWithTaints": [TAINT],
            "resolvConf": "",
            "serializeImagePulls": False,
            "syncFrequency": "1s",
            "volumeStatsAggPeriod": "5s",
            "volumePluginDir": str(self.directory / "volume-plugins"),
        }
        path = self.directory / "kubelet.json"
        path.write_text(json.dumps(configuration))
        return path

    def _is_registered(self) -> bool:
        return NAME in self.control_plane.kubectl("get", "nodes", "-o", "name")

    def _status(self) -> Document:
        status: Document = self.control_plane.get("node", NAME)["status"]
        return status

    def _is_ready(self) -> bool:
        return any(item["type"] == "Ready" and item["status"] == "True" for item in self._status()["conditions"])
