"""The device plugin: the DaemonSet that makes a node advertise its GPUs, and what keeps it from doing so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence, Fix
from vops.diagnosis.placement.filters.node_affinity import mismatches
from vops.diagnosis.placement.filters.taints import blocks, says_unavailable
from vops.diagnosis.placement.recompute import NodeFit
from vops.model.resources import Taint, Workload

GPU_STACK = (
    r"(?:nvidia-(?:driver-daemonset|device-plugin|container-toolkit-daemonset|operator-validator|cuda-validator|gpu-device-plugin"
    r"|driver-installer)|nvdp-nvidia-device-plugin|gpu-operator-driver|amdgpu-device-plugin)"
)
"""How the pods are called without which a node does not offer its GPUs: driver, runtime, plugin and their check."""

_PLUGINS = ("device-plugin", "deviceplugin", "nvidia-gpu-device", "k8s-device-plugin")


def device_plugin(replica: Replica) -> Workload | None:
    """The DaemonSet that should advertise the GPUs; of several the one with the fewest pods ready."""
    vendor = replica.placement.gpu_resource.split(".")[0].split("/")[0]
    found = [item for item in replica.facts.snapshot.daemonsets if _is_plugin(item, vendor)]
    return min(found, key=lambda item: item.status.number_ready, default=None)


def _is_plugin(daemonset: Workload, vendor: str) -> bool:
    images = " ".join(container.image for container in daemonset.spec.template.spec.containers)
    words = f"{daemonset.metadata.name} {images}"
    return any(part in words for part in _PLUGINS) and (vendor in words or "gpu" in words)


def why(plugin: Workload | None, bare: Sequence[NodeFit]) -> str:
    """Why nodes do not advertise what they have, as far as the device plugin's DaemonSet tells."""
    if plugin is None:
        return "driver or device plugin is missing there"
    lacking = _untolerated(plugin, bare)
    if lacking:
        return f"the device plugin {plugin.metadata.name} does not tolerate {', '.join(map(_taint, lacking))}"
    if labels := _missing_labels(plugin, bare):
        return f"the device plugin {plugin.metadata.name} asks for {labels}, which the node lacks"
    wanted, ready = plugin.status.desired_number_scheduled, plugin.status.number_ready
    if wanted is None:
        return f"the device plugin {plugin.metadata.name} is declared, and nothing tells whether it runs there"
    if not wanted:
        return f"the device plugin {plugin.metadata.name} selects no node"
    if ready < wanted:
        return f"the device plugin {plugin.metadata.name} is ready on {ready} of {wanted} nodes"
    return f"the device plugin {plugin.metadata.name} runs and finds none, so the driver is missing there"


def _untolerated(plugin: Workload, bare: Iterable[NodeFit]) -> tuple[Taint, ...]:
    """The taints that keep the device plugin's own pods from the nodes."""
    tolerations = plugin.spec.template.spec.tolerations
    taints = (
        taint
        for fit in bare
        for taint in fit.node.spec.taints
        if not says_unavailable(taint) and blocks(taint, tolerations)
    )
    return tuple(dict.fromkeys(taints))


def _missing_labels(plugin: Workload, bare: Sequence[NodeFit]) -> str:
    """The labels that keep the device plugin from every one of the nodes; feature discovery sets most of them."""
    lacking = [mismatches(fit.node, plugin.spec.template.spec) for fit in bare]
    if not all(lacking):
        return ""
    return ", ".join(f"{item.key}={item.wanted}" for item in lacking[0])


def plugin_evidence(plugin: Workload | None) -> tuple[Evidence, ...]:
    """How many of the device plugin's pods are wanted and ready."""
    if plugin is None:
        return ()
    status = plugin.status
    wanted = status.desired_number_scheduled
    observed = "unknown" if wanted is None else f"{status.number_ready} of {wanted} ready"
    where = f"{plugin.metadata.namespace}/{plugin.metadata.name} status"
    return (Evidence("daemonset", where, observed, expected="one on each GPU node"),)


def advertise(plugin: Workload | None, bare: Sequence[NodeFit]) -> Fix:
    """What makes nodes advertise their GPUs."""
    title = "Make the nodes advertise their GPUs"
    if plugin is None:
        return remedies.advice(
            title,
            "See whether a device plugin runs on those nodes: kubectl get daemonsets,pods -A -o wide | grep -i nvidia",
            "Install the NVIDIA device plugin (or the GPU Operator), and the driver and container runtime beneath it.",
        )
    name, namespace = plugin.metadata.name, plugin.metadata.namespace
    lacking = _untolerated(plugin, bare)
    if lacking:
        tolerations = "; ".join(f"key {item.key}, operator Exists, effect {item.effect}" for item in lacking)
        return remedies.advice(title, f"Add to the tolerations of the device plugin {namespace}/{name}: {tolerations}.")
    if labels := _missing_labels(plugin, bare):
        return remedies.advice(
            title,
            "See that feature discovery runs, which sets such labels: kubectl get pods -A | grep -i feature-discovery",
            f"Or set what the device plugin {namespace}/{name} asks for: kubectl label node {bare[0].name} {labels}",
        )
    return remedies.advice(
        title,
        f"See why it is not ready: kubectl -n {namespace} get pods -o wide, then the log of its pod on {bare[0].name}.",
        f"Where it logs that NVML or the driver is missing, install the driver on {bare[0].name}.",
    )


def _taint(taint: Taint) -> str:
    return f"{taint.key}:{taint.effect}"
