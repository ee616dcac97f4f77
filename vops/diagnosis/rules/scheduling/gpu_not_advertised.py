"""Nodes that have GPUs do not offer them: nothing advertises the resource, or some of it is unhealthy.

What it finds
    The nodes that the pod may use have GPUs by their labels or machine types, and none in their capacity; or fewer
    are allocatable than the capacity holds, as some are unhealthy. Where no node at all has the resource, and no other
    GPU resource is offered in its place, that is said as well.

Why it matters
    A node that has GPUs and does not advertise them lacks a working driver, container runtime or device plugin. The
    scheduler then says the same as for GPUs that are merely taken.

Evidence
    Node.status.capacity of every such node, the labels that say that it has GPUs, and the device plugin's DaemonSet:
    how many of its pods are wanted and ready, and which taints of the nodes it does not tolerate.

Fix
    By hand, at the cluster: the device plugin's DaemonSet must run, and tolerate the GPU nodes' taints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vops.diagnosis import blockers, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.filters.rooms import capacity
from vops.diagnosis.filters.taints import blocks, says_unavailable
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.gpu_nodes import bare_gpu_nodes, gpu_sign, unhealthy_nodes
from vops.diagnosis.placement import NodeFit
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.scheduling.wrong_gpu_resource import offered_gpu_resources
from vops.diagnosis.scheduler_text import Obstacle
from vops.model.resources import Taint, Workload
from vops.model.snapshot import Source

_PLUGINS = ("device-plugin", "deviceplugin", "nvidia-gpu-device", "k8s-device-plugin")


@rule(cause="gpu-not-advertised", branch=Branch.SCHEDULE, needs={Source.NODES}, order=10)
def gpu_not_advertised(replica: Replica) -> Verdict | None:
    placement, resource = replica.placement, replica.placement.gpu_resource
    said = placement.scheduler
    of_drivers = said is not None and said.says(Obstacle.CLAIM)
    if not placement.gpus or not placement.fits or of_drivers or replica.settles:
        return None
    suited = [fit for fit in placement.large_enough if not fit.mismatches]
    if suited:
        return None
    if unhealthy := unhealthy_nodes(placement):
        return _unhealthy(replica, unhealthy)
    bare = bare_gpu_nodes(placement)
    nodes = [fit.node for fit in placement.fits]
    anywhere = any(capacity(node, resource) > 0 for node in nodes) or offered_gpu_resources(nodes)
    if bare and not (anywhere and not placement.picks_nodes):
        return _bare(replica, bare)
    return None if anywhere or bare or placement.partial else _nowhere(replica)


def _bare(replica: Replica, bare: Sequence[NodeFit]) -> Verdict:
    resource = replica.placement.gpu_resource
    names = blockers.named(fit.name for fit in bare)
    plugin = device_plugin(replica)
    return Verdict(
        summary=f"{names} should have GPUs and {'does' if len(bare) == 1 else 'do'} not advertise {resource}: "
        f"{_why(plugin, bare)}",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(fit.node, "status.capacity", f"no {resource}; {gpu_sign(fit.node)}")
                for fit in bare[: blockers.NODES_SHOWN]
            ),
            *_plugin_evidence(plugin),
            *blockers.scheduled_by(replica),
        ),
        confidence=_confidence(replica),
        fixes=(_advertise(plugin, bare),),
    )


def _nowhere(replica: Replica) -> Verdict:
    placement = replica.placement
    resource, plugin = placement.gpu_resource, device_plugin(replica)
    return Verdict(
        summary=f"No node advertises {resource}, and none of {len(placement.fits)} nodes is labelled as having GPUs",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(fit.node, "status.capacity", f"no {resource}")
                for fit in placement.fits[: blockers.NODES_SHOWN]
            ),
            *_plugin_evidence(plugin),
            *blockers.scheduled_by(replica),
        ),
        confidence=_confidence(replica),
        fixes=(
            remedies.advice(
                "Add a GPU node, or make the nodes advertise their GPUs",
                "Add a GPU node (a node pool with GPUs) if the cluster has none.",
                "Where a node does have GPUs: install driver and device plugin there, or the GPU Operator.",
            ),
        ),
    )


def _unhealthy(replica: Replica, unhealthy: Sequence[NodeFit]) -> Verdict:
    placement, resource = replica.placement, replica.placement.gpu_resource
    worst = unhealthy[0]
    has, offers = capacity(worst.node, resource), placement.offered(worst.node, resource)
    return Verdict(
        summary=f"{worst.name} has {has} {resource} and offers {offers}: the device plugin holds the others for "
        f"unhealthy, and {replica.name} asks for {placement.gpus}",
        evidence=(
            blockers.request(replica),
            *(
                evidence.node_field(
                    fit.node,
                    f"status.allocatable[{resource}]",
                    placement.offered(fit.node, resource),
                    expected=str(capacity(fit.node, resource)),
                )
                for fit in unhealthy[: blockers.NODES_SHOWN]
            ),
            *blockers.scheduled_by(replica),
        ),
        confidence=_confidence(replica),
        fixes=(
            remedies.advice(
                "Make the GPUs healthy again",
                f"See the device plugin's log on {worst.name} for the Xid that marked them, and dmesg for NVRM: Xid.",
                f"Then cordon and drain {worst.name}, reset its GPUs or restart it, or replace it.",
            ),
        ),
    )


def device_plugin(replica: Replica) -> Workload | None:
    """The DaemonSet that should advertise the GPUs; of several the one with the fewest pods ready."""
    vendor = replica.placement.gpu_resource.split(".")[0].split("/")[0]
    found = [item for item in replica.facts.snapshot.daemonsets if _is_plugin(item, vendor)]
    return min(found, key=lambda item: item.status.number_ready, default=None)


def _is_plugin(daemonset: Workload, vendor: str) -> bool:
    images = " ".join(container.image for container in daemonset.spec.template.spec.containers)
    words = f"{daemonset.metadata.name} {images}"
    return any(part in words for part in _PLUGINS) and (vendor in words or "gpu" in words)


def _why(plugin: Workload | None, bare: Sequence[NodeFit]) -> str:
    if plugin is None:
        return "driver or device plugin is missing there"
    lacking = untolerated_by(plugin, bare)
    if lacking:
        return f"the device plugin {plugin.metadata.name} does not tolerate {', '.join(map(_taint, lacking))}"
    wanted, ready = plugin.status.desired_number_scheduled, plugin.status.number_ready
    if not wanted:
        return f"the device plugin {plugin.metadata.name} selects no node"
    if ready < wanted:
        return f"the device plugin {plugin.metadata.name} is ready on {ready} of {wanted} nodes"
    return f"the device plugin {plugin.metadata.name} runs and finds none, so the driver is missing there"


def untolerated_by(plugin: Workload, bare: Iterable[NodeFit]) -> tuple[Taint, ...]:
    """The taints that keep the device plugin's own pods from the nodes."""
    tolerations = plugin.spec.template.spec.tolerations
    taints = (
        taint
        for fit in bare
        for taint in fit.node.spec.taints
        if not says_unavailable(taint) and blocks(taint, tolerations)
    )
    return tuple(dict.fromkeys(taints))


def _plugin_evidence(plugin: Workload | None) -> tuple[Evidence, ...]:
    if plugin is None:
        return ()
    status = plugin.status
    observed = f"{status.number_ready} of {status.desired_number_scheduled} ready"
    where = f"{plugin.metadata.namespace}/{plugin.metadata.name} status"
    return (Evidence("daemonset", where, observed, expected="one on each GPU node"),)


def _advertise(plugin: Workload | None, bare: Sequence[NodeFit]) -> Fix:
    title = "Make the nodes advertise their GPUs"
    if plugin is None:
        return remedies.advice(
            title,
            "See whether a device plugin runs on those nodes: kubectl get daemonsets,pods -A -o wide | grep -i nvidia",
            "Install the NVIDIA device plugin (or the GPU Operator), and the driver and container runtime beneath it.",
        )
    name, namespace = plugin.metadata.name, plugin.metadata.namespace
    lacking = untolerated_by(plugin, bare)
    if lacking:
        tolerations = "; ".join(f"key {item.key}, operator Exists, effect {item.effect}" for item in lacking)
        return remedies.advice(title, f"Add to the tolerations of the device plugin {namespace}/{name}: {tolerations}.")
    return remedies.advice(
        title,
        f"See why it is not ready: kubectl -n {namespace} get pods -o wide, then the log of its pod on {bare[0].name}.",
        f"Where it logs that NVML or the driver is missing, install the driver on {bare[0].name}.",
    )


def _taint(taint: Taint) -> str:
    return f"{taint.key}:{taint.effect}"


def _confidence(replica: Replica) -> Confidence:
    return Confidence.PROBABLE if replica.placement.partial else Confidence.CERTAIN
