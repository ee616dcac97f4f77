"""Nodes that have GPUs by every sign but their capacity: labels of clouds, of feature discovery, and machine types."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.placement.demands import amounts, is_gpu
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.placement.recompute import NodeFit, Placement
from vops.model.objects import Condition
from vops.model.patterns import lazy_pattern
from vops.model.resources import Node

_PRODUCTS = (
    "nvidia.com/gpu.product",
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
    "kubernetes.azure.com/accelerator",
    "amd.com/gpu.product-name",
    "accelerator",
)
_PRESENT = lazy_pattern(
    r"nvidia\.com/gpu\.present|feature\.node\.kubernetes\.io/pci-(?:\d{4}_)?(?:10de|1002)(?:_\w+)?\.present"
)
_MACHINES = lazy_pattern(
    r"(?:p[2-6][a-z]*|g[4-7][a-z]*)\.\w*(?:xlarge|metal)"  # AWS
    r"|Standard_N[CDV]\w+"  # Azure
    r"|(?:a[234]|g[24])-[\w-]+"  # Google Cloud
)
_ABOUT_GPUS = lazy_pattern(r"gpu|nvidia|xid|nvlink|nvswitch|accelerat", re.I)
_ABOUT_METRICS = lazy_pattern(r"dcgm|licen[sc]e|exporter", re.I)
_GOOD = lazy_pattern(r"(?:Ready|(?<!Un)Healthy|Health|Available)$")
_MACHINE_LABEL = "node.kubernetes.io/instance-type"


def gpu_sign(node: Node) -> str:
    """The label that says that a node has GPUs; empty where none does."""
    labels = node.metadata.labels
    for key in _PRODUCTS:
        if labels.get(key) and labels[key] != "none":
            return f"{key}={labels[key]}"
    present = next((key for key, value in labels.items() if value == "true" and _PRESENT.fullmatch(key)), "")
    machine = labels.get(_MACHINE_LABEL, "")
    if present:
        return present
    return f"{_MACHINE_LABEL}={machine}" if _MACHINES.fullmatch(machine) else ""


def gpu_complaints(node: Node) -> Iterator[Condition]:
    """The conditions by which health checks say that a GPU of a node, or what makes it usable, is broken."""
    for item in node.status.conditions:
        if _ABOUT_GPUS.search(item.type) and not _ABOUT_METRICS.search(item.type) and _bad(item):
            yield item


def _bad(item: Condition) -> bool:
    """Health checks either name what is good (`AcceleratedHardwareReady`) or what is wrong (`GPUMissing`)."""
    return item.status == "False" if _GOOD.search(item.type) else item.status == "True"


def bare_gpu_nodes(placement: Placement) -> tuple[NodeFit, ...]:
    """The nodes that the pod picks, and that have GPUs by their labels and none of any name in their capacity."""
    if not placement.gpus:
        return ()
    return tuple(fit for fit in placement.meant if gpu_sign(fit.node) and not gpu_resources(fit.node))


def gpu_resources(node: Node) -> tuple[str, ...]:
    """The GPU resources that a node has, by name."""
    return tuple(sorted(name for name, count in amounts(node.status.capacity).items() if is_gpu(name) and count > 0))


def most_gpus(placement: Placement) -> int:
    """The GPUs of the largest node that the pod picks, whoever holds them; 0 when no node was seen."""
    offers = (placement.offered(fit.node, placement.gpu_resource) for fit in placement.meant)
    return int(max(offers, default=0))


def unhealthy_nodes(placement: Placement) -> tuple[NodeFit, ...]:
    """The nodes with enough GPUs in their capacity, and too few that are healthy."""
    resource, wanted = placement.gpu_resource, placement.gpus
    if not wanted:
        return ()
    return tuple(
        fit for fit in placement.meant if capacity(fit.node, resource) >= wanted > placement.offered(fit.node, resource)
    )
