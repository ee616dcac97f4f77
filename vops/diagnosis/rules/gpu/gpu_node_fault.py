"""A server died of a CUDA error, and its node says that a GPU is broken.

What it finds
    A CUDA error in the log that software and hardware alike can cause, together with what the node shows: fewer GPUs
    allocatable than its capacity, an Xid of the hardware class in DCGM's metrics, a condition or event of a GPU health
    check, or other replicas that die of CUDA errors on this node while their siblings elsewhere serve.

Why it matters
    The log alone reads like a bug. The pod is restarted on the same card and dies again; on another node it would run.

Evidence
    The error, and everything that the node shows. DCGM keeps the last Xid until the exporter restarts, so that an Xid
    alone, without a death, is no fault.

Fix
    `drain-node`, then by hand: reset or replace the GPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.nodes.gpu_nodes import gpu_complaints
from vops.diagnosis.placement.demands import amounts, is_gpu
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.states import ReplicaState
from vops.model.objects import Ref
from vops.model.patterns import lazy_pattern
from vops.model.resources import Node
from vops.model.snapshot import Source

_CUDA = lazy_pattern(
    r"CUDA error: (?:an illegal memory access|unspecified launch failure|uncorrectable|misaligned|hardware stack"
    r"|unknown|an illegal instruction|the launch timed out|all CUDA-capable devices are busy|initialization error"
    r"|invalid device)"
    r"|[Uu]ncorrectable (?:ECC|NVLink)|cudaError(?:ECC|Launch|Hardware|Illegal|Nvlink|Unknown)|ncclUnhandledCudaError"
    r"|GPU is lost|GPU_IS_LOST|fallen off the bus|No CUDA GPUs are available|no CUDA-capable device is detected"
    r"|Unable to determine the device handle|CUDA unknown error"
)
HARDWARE_XIDS = frozenset(
    (46, 48, 54, 56, 57, 58, 61, 62, 64, 65, 74, 79, 95, 110, 119, 120, 136, 140, *range(143, 151), 154)
)
"""Xids after which a GPU or its node must be reset; NVIDIA's catalogue, without those of applications and of notice."""

_EVENT = lazy_pattern(r"\bXid\b|fallen off the bus|GPU (?:is )?lost|[Uu]ncorrectable ECC|GPU.{0,40}unhealthy", re.I)
_RECENT = timedelta(hours=1)


@rule(
    cause="xid-gpu-lost",
    branch=Branch.DIED,
    needs={Source.LOGS},
    explains={"no-cuda-visible", "nccl-failure"},
    order=17,
    signature=_CUDA,
)
def gpu_node_fault(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _CUDA)
    if hit is None or replica.node is None:
        return None
    found = tuple(signs(replica, replica.node))
    if not found:
        return None
    node = replica.node.metadata.name
    return Verdict(
        summary=f"A GPU of {node} is broken, and {replica.name} dies of it: {found[0].observed}",
        evidence=(*deaths.shown(replica, hit), *found),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.drained(
                replica,
                "Move the server, and take the node out of use",
                "On the node: dmesg | grep -i xid; nvidia-smi -q -d ECC,PAGE_RETIREMENT. Reset the GPU or restart the "
                "machine; uncordon it when capacity and allocatable are equal again.",
            ),
        ),
    )


def signs(replica: Replica, node: Node) -> Iterator[Evidence]:
    """What shows that a GPU of the node is broken, and not the program that uses it."""
    yield from _xids(replica, node)
    yield from _missing(node)
    yield from _conditions(node)
    yield from _events(replica, node)
    yield from _siblings(replica)


def _xids(replica: Replica, node: Node) -> Iterator[Evidence]:
    own = {gpu.uuid for gpu in replica.gpus}
    for gpu in replica.facts.snapshot.gpus:
        if gpu.node != node.metadata.name or not gpu.xid or int(gpu.xid) not in HARDWARE_XIDS:
            continue
        if not own or gpu.uuid in own:
            yield Evidence("dcgm", f"{gpu.node} GPU {gpu.index} DCGM_FI_DEV_XID_ERRORS", f"Xid {int(gpu.xid)}", "0")


def _missing(node: Node) -> Iterator[Evidence]:
    has, offers = amounts(node.status.capacity), amounts(node.status.allocatable)
    for name, amount in has.items():
        healthy = offers.get(name, Decimal())
        if is_gpu(name) and Decimal() < healthy < amount:
            yield evidence.node_field(node, f"status.allocatable[{name}]", f"{healthy} of {amount} GPUs are healthy")


def _conditions(node: Node) -> Iterator[Evidence]:
    for item in gpu_complaints(node):
        said = ": ".join(word for word in (item.reason, item.message) if word)
        yield evidence.node_field(node, f"status.conditions[{item.type}]", said or item.status)


def _events(replica: Replica, node: Node) -> Iterator[Evidence]:
    facts = replica.facts
    for event in facts.events_of(Ref("Node", node.metadata.name)):
        text, seen = f"{event.reason} {event.message}", event.last_seen
        if event.type == "Warning" and _EVENT.search(text) and (seen is None or facts.snapshot.at - seen <= _RECENT):
            yield evidence.event(event)


def _siblings(replica: Replica) -> Iterator[Evidence]:
    """Others that die of CUDA errors on the same node, while replicas of the same workload serve on other nodes."""
    here, node = replica.pod.spec.node_name, []
    for other in replica.facts.replicas:
        if other.pod is not replica.pod and other.pod.spec.node_name == here and other.last_death is not None:
            node += [other.name] if deaths.error(other, _CUDA) is not None else []
    serve = [
        other.name
        for other in replica.facts.replicas
        if other.owner == replica.owner and other.pod.spec.node_name != here and other.state is ReplicaState.READY
    ]
    if node and serve:
        yield Evidence(
            "pod", f"node {here}", f"{', '.join(node[:3])} die of CUDA errors there; {serve[0]} serves elsewhere"
        )
