"""What every scenario's cluster has: namespaces, two nodes without GPUs, the GPU nodes asked for, and neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import GpuKind
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, dcgm_exporter, namespace, node, service

if TYPE_CHECKING:
    from vops.lab.world import World

_NEIGHBOURS = (("coredns", "kube-system", 2), ("gateway", "web", 2), ("chat-frontend", "web", 2), ("redis", "web", 1))


def base(world: World, gpu_nodes: Mapping[str, tuple[GpuKind, int]]) -> None:
    """Creates the cluster: GPU nodes by name, with their kind of GPU and how many."""
    world.registry.add("nginx:1.29")
    for name in ("kube-system", "gpu-monitoring", "web", INFERENCE, "default"):
        world.store.create(namespace(name))
    for number in (1, 2):
        world.store.create(node(f"cpu-{number}", images=("nginx:1.29",)))
    for number, (name, (kind, count)) in enumerate(gpu_nodes.items()):
        zone = "zone-b" if number % 2 else "zone-a"
        images = (VLLM_IMAGE, "nvidia/dcgm-exporter:4.5.3")
        created = node(name, gpu=kind, gpus=count, cpu=12 * count, memory_gib=64 * count, images=images, zone=zone)
        world.store.create(created)
    world.store.create(dcgm_exporter())
    for name, where, replicas in _NEIGHBOURS:
        world.store.create(service(name, where, replicas))


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


def minutes(count: float) -> float:
    """Seconds."""
    return count * 60


def hours(count: float) -> float:
    """Seconds."""
    return count * 3600
