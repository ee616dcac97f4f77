"""What every scenario's cluster has: namespaces, two nodes without GPUs, the GPU nodes asked for, and neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vops.lab.cloud import NodeGroup
from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import L4, GpuKind
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, cluster_ip, dcgm_exporter, namespace, node, service
from vops.lab.monitoring.manifests import pod_monitor, prometheus, service_monitor

if TYPE_CHECKING:
    from vops.lab.world import World

_NEIGHBOURS = (("coredns", "kube-system", 2), ("gateway", "web", 2), ("chat-frontend", "web", 2), ("redis", "web", 1))


def base(
    world: World,
    gpu_nodes: Mapping[str, tuple[GpuKind, int]],
    zones: tuple[str, ...] = ("zone-a", "zone-b"),
    exporter: Document | None = None,
) -> None:
    """Creates the cluster: GPU nodes by name, with their kind of GPU and how many, in the zones by turns."""
    world.registry.add("nginx:1.29")
    for name in ("kube-system", "gpu-monitoring", "web", INFERENCE, "default"):
        world.store.create(namespace(name))
    for number in (1, 2):
        world.store.create(node(f"cpu-{number}", images=("nginx:1.29",)))
    for number, (name, (kind, count)) in enumerate(gpu_nodes.items()):
        zone = zones[number % len(zones)]
        images = (VLLM_IMAGE, "nvidia/dcgm-exporter:4.5.3")
        created = node(name, gpu=kind, gpus=count, cpu=12 * count, memory_gib=64 * count, images=images, zone=zone)
        world.store.create(created)
    world.store.create(exporter or dcgm_exporter())
    for name, where, replicas in _NEIGHBOURS:
        world.store.create(service(name, where, replicas))


def monitoring(world: World, *, honor_labels: bool = True, override_honor_labels: bool = False) -> None:
    """Adds a Prometheus that scrapes the exporters and the vLLM servers."""
    world.store.create(namespace("monitoring"))
    create(world, prometheus(override_honor_labels=override_honor_labels))
    create(world, cluster_ip("prometheus-operated", "monitoring", port=9090, target=9090))
    create(world, pod_monitor("vllm", INFERENCE, {"app.kubernetes.io/component": "vllm"}, "http"))
    exporter = {"app.kubernetes.io/name": "dcgm-exporter"}
    create(world, cluster_ip("dcgm-exporter", "gpu-monitoring", port=9400, target="metrics", port_name="metrics"))
    create(world, service_monitor("dcgm-exporter", "gpu-monitoring", exporter, "metrics", honor=honor_labels))


def l4_pool(zone: str, *, most: int = 4) -> NodeGroup:
    """A pool of nodes with one L4 each in a zone, empty so far."""

    def make(name: str) -> Document:
        return node(name, gpu=L4, gpus=1, cpu=12, memory_gib=64, images=(VLLM_IMAGE,), zone=zone)

    return NodeGroup(f"gke-lab-l4-{zone[-1]}-grp", zone, 1, make, most)


def reclaim(world: World, group: NodeGroup) -> None:
    """The cloud takes the machines of a pool back, as it does with spot machines, and has none to give instead."""
    for item in world.store.list("v1", "Node"):
        if item["metadata"]["name"].startswith(group.name.removesuffix("-grp")):
            world.store.delete("v1", "Node", "", item["metadata"]["name"])
    group.size = group.made = 0


def create(world: World, document: Document) -> None:
    """Creates an object as a person with kubectl would."""
    world.store.create(document, manager="kubectl-client-side-apply")


def delete(world: World, name: str) -> None:
    """Deletes a Deployment in the inference namespace, and so its pods."""
    world.store.delete("apps/v1", "Deployment", INFERENCE, name)


def edit(world: World, name: str, document: Document) -> None:
    """Replaces the spec of a Deployment in the inference namespace, as `kubectl apply` would."""
    current = copy_of(world.store.get("apps/v1", "Deployment", INFERENCE, name))
    current["spec"] = copy_of(document["spec"])
    world.store.update(current, manager="kubectl-client-side-apply")


def scale(world: World, name: str, replicas: int) -> None:
    """Sets the replicas of a Deployment in the inference namespace."""
    current = copy_of(world.store.get("apps/v1", "Deployment", INFERENCE, name))
    current["spec"]["replicas"] = replicas
    world.store.update(current, manager="kubectl")


def cordon(world: World, name: str) -> None:
    """Marks a node unschedulable, as `kubectl cordon` does; the node controller adds the taint."""
    node_ = copy_of(world.store.get("v1", "Node", "", name))
    node_["spec"]["unschedulable"] = True
    taints = node_["spec"].setdefault("taints", [])
    taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    world.store.update(node_, manager="kubectl-cordon")


def minutes(count: float) -> float:
    """Seconds."""
    return count * 60


def hours(count: float) -> float:
    """Seconds."""
    return count * 3600
