"""The node's kubelet refused the pod: the GPU that the scheduler counted on was not to be had.

What it finds
    A failed pod with the reason UnexpectedAdmissionError, OutOf<GPU resource> or TopologyAffinityError.

Why it matters
    Right after a node boots it is a race with the device plugin that ends by itself; on one node again and again it is
    a stale device plugin or a broken GPU. Controllers make new pods, and the failed ones pile up by the thousand.

Evidence
    Pod.status with the kubelet's words, how long the node had been ready, unhealthy devices, and how many pods failed
    alike.

Fix
    `clean-failed-pods`, and `drain-node` where a GPU is lost; else by hand: remove the failed pods; cordon a node where
    it repeats.
"""

from __future__ import annotations

import re
from collections import Counter

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import endings
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.placement.demands import is_gpu
from vops.diagnosis.placement.filters.rooms import capacity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.gpu.gpu_node_fault import signs
from vops.model.patterns import lazy_pattern
from vops.model.pods import PodStatus
from vops.model.quantities import format_duration

_REASONS = ("UnexpectedAdmissionError", "TopologyAffinityError", "SMTAlignmentError")
_LOST = lazy_pattern(r"GPU is lost|nvml: |Unable to determine the device handle|XidCriticalError", re.IGNORECASE)
_UNHEALTHY = lazy_pattern(r"cannot allocate unhealthy devices|no healthy devices present")
_UNREGISTERED = lazy_pattern(r"unregistered device|can't allocate unregistered|Unknown Device Plugin")
_UNAVAILABLE = lazy_pattern(r"devices unavailable for \S{1,120}\. Requested: ?(\d{1,6}), Available: ?(\d{1,6})")
_AGAIN = 3


@rule(cause="device-allocation-failed", branch=Branch.GONE, order=10)
def device_allocation_failed(replica: Replica) -> Verdict | None:
    status = replica.pod.status
    if not _refused(replica):
        return None
    node = replica.pod.spec.node_name or "the node"
    same = endings.alike(replica)
    more = f"; {len(same)} of its pods have failed so" if len(same) > 1 else ""
    return Verdict(
        summary=f"{node} refused {replica.name}: {_why(replica)}{more}",
        evidence=(evidence.pod_field("status", _said(status)), *_around(replica)),
        confidence=Confidence.CERTAIN,
        severity=endings.severity(replica),
        fixes=(_fix(replica),),
    )


@rule(cause="xid-gpu-lost", branch=Branch.GONE, explains={"device-allocation-failed"}, order=5)
def gpu_lost_at_admission(replica: Replica) -> Verdict | None:
    """A GPU that its driver lost: the device plugin could not list it, or calls it unhealthy and the node shows why."""
    status = replica.pod.status
    seen = _seen_broken(replica)
    if not _refused(replica) or not (_LOST.search(status.message) or seen):
        return None
    node = replica.pod.spec.node_name or "the node"
    return Verdict(
        summary=f"A GPU of {node} does not answer its driver any more, so no GPU of it can be given to pods",
        evidence=(evidence.pod_field("status", _said(status)), *_around(replica), *seen),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.drained(
                replica,
                "Take the node out of use and restart it",
                "Restart the machine; a GPU that is lost again has to be replaced (dmesg: NVRM: Xid).",
                endings.clear_step(replica),
            ),
        ),
    )


def _seen_broken(replica: Replica) -> tuple[Evidence, ...]:
    """What the node shows of broken hardware, where the kubelet refused the pod for unhealthy GPUs."""
    if replica.node is None or not _UNHEALTHY.search(replica.pod.status.message):
        return ()
    return tuple(signs(replica, replica.node))


def _refused(replica: Replica) -> bool:
    reason = replica.pod.status.reason
    return reason in _REASONS or (reason.startswith("OutOf") and "/" in reason)


def _said(status: PodStatus) -> str:
    return ": ".join(filter(None, (status.reason, status.message)))


def _why(replica: Replica) -> str:
    status = replica.pod.status
    message = status.message.removeprefix(endings.REJECTED)
    if status.reason == "SMTAlignmentError":
        return f"its cores cannot be given out whole: {message}"
    if status.reason == "TopologyAffinityError":
        return "its GPUs, cores and memory are not to be had from one NUMA node"
    if _UNHEALTHY.search(message):
        return "its device plugin calls the GPUs unhealthy"
    if _UNREGISTERED.search(message):
        return "its device plugin has not registered the GPUs"
    if found := _UNAVAILABLE.search(message):
        return f"{found[1]} GPU(s) asked for, {found[2]} to be had"
    return ": ".join(filter(None, (status.reason, message.strip(" .")[:160])))


def _around(replica: Replica) -> tuple[Evidence, ...]:
    """The node's youth, its unhealthy devices, and the pods that failed alike on it."""
    found: list[Evidence] = []
    node, young = replica.node, endings.young_node(replica)
    if node is not None and young is not None:
        words = f"ready for {format_duration(young.total_seconds())} when the pod came"
        found.append(evidence.node_field(node, "status.conditions[Ready]", words))
    for name in node.status.capacity if node is not None else ():
        if node is not None and is_gpu(name) and node.status.allocatable.get(name, "0") != node.status.capacity[name]:
            words = f"{node.status.allocatable.get(name, '0')} of {capacity(node, name)}"
            found.append(evidence.node_field(node, f"status.allocatable[{name}]", words, expected="all of them"))
    if (count := _on_this_node(replica)) > 1:
        found.append(evidence.pod_field("status.reason", f"{count} pods failed so on {replica.pod.spec.node_name}"))
    return tuple(found)


def _on_this_node(replica: Replica) -> int:
    return Counter(item.pod.spec.node_name for item in endings.alike(replica))[replica.pod.spec.node_name]


def _fix(replica: Replica) -> Fix:
    node = replica.pod.spec.node_name or "NODE"
    clear = endings.clear_step(replica)
    if replica.pod.status.reason == "TopologyAffinityError":
        return remedies.by_steps(
            replica,
            "Ask for what one NUMA node has",
            (
                "Lower cpu and memory so that they fit beside the GPUs, or take as many GPUs as one NUMA node has.",
                "Or let the nodes' kubelet use topologyManagerPolicy: best-effort.",
                clear,
            ),
        )
    if _on_this_node(replica) >= _AGAIN:
        return remedies.advice(
            "Take the node out of use: it refuses again and again",
            f"kubectl cordon {node}; then restart its device plugin, and look at its GPUs (dmesg: NVRM: Xid).",
            clear,
        )
    race = endings.young_node(replica) is not None
    wait = (
        "The node had just started: it ends by itself once the device plugin has registered the GPUs." if race else ""
    )
    repeats = f"If it repeats on {node}: kubectl cordon {node}, and look at its device plugin."
    told = (wait,) if wait else ()
    return remedies.operation(
        replica,
        "clean-failed-pods",
        "Clear the failed pods; look at the node if it repeats",
        {},
        by_hand=(*told, clear, repeats),
        notes=(*told, repeats),
    )
