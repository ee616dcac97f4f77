"""The node ran out of memory, and the kernel chose this server as its victim.

What it finds
    A kill for want of memory together with the kubelet's `SystemOOM` on the same node at the same time, and a container
    that has no limit, or one that it need not have reached.

Why it matters
    What used the memory may be another pod. Without a request a pod is the first that the kernel kills.

Evidence
    The node's event, the exit status, and the container's request and limit.

Fix
    `fix-host-oom`, else by hand: memory requests equal to limits, so that the scheduler counts what the server needs.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence
from vops.diagnosis.memory import host_memory
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.demands import pod_requests
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.quantities import format_bytes

_SHOWN = 3


@rule(cause="node-oom", branch=Branch.DIED, explains={"host-oom", "engine-dead"}, order=3, even_when_ready=True)
def node_oom(replica: Replica) -> Verdict | None:
    found = host_memory.out_of_memory(replica)
    if found is None or not found.node_was_out:
        return None
    resources, node = replica.container.resources, replica.pod.spec.node_name
    limit, request = resources.limits.get("memory", "none"), resources.requests.get("memory", "none")
    wanted = host_memory.wanted_bytes(replica)
    if not replica.observed:
        return _told(found)
    return Verdict(
        summary=f"{node} ran out of memory, and the kernel killed {replica.name} (request {request}, limit {limit})",
        evidence=(
            *(evidence.event(item) for item in found.node_events[-2:]),
            *evidence.exit_status(replica),
            evidence.container_field(replica, "resources.requests.memory", request),
            evidence.container_field(replica, "resources.limits.memory", limit),
            *_neighbours(replica),
        ),
        confidence=Confidence.CERTAIN if limit == "none" else Confidence.STRONG,
        fixes=(
            host_memory.raise_limit(
                replica,
                wanted,
                f"See what else runs on {node}: kubectl top pods -A --sort-by=memory; pods without a limit first.",
                # The neighbour may be what has to change, and the new request may fit on no node.
                Applicability.ASK,
            ),
        ),
    )


def _told(found: host_memory.OutOfMemory) -> Verdict:
    """By the kernel's words alone: neither the limits nor what used the memory were seen."""
    named = (host_memory.victim_of(item.message) for item in reversed(found.node_events))
    victim = next(filter(None, named), "a process of a server")
    return Verdict(
        summary=f"The node ran out of memory, and the kernel killed {victim}; what used the memory may be another",
        evidence=tuple(evidence.event(item) for item in found.node_events[-2:]),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                "Let no more run on the node than its memory holds",
                "See what uses it: kubectl top pods -A --sort-by=memory (without Kubernetes: docker stats), and the "
                "table of processes that the kernel prints as it kills one: dmesg.",
                f"Set resources.requests.memory and limits.memory of each container there, that of {victim} too, so "
                "that the scheduler counts them.",
            ),
        ),
    )


def _neighbours(replica: Replica) -> tuple[Evidence, ...]:
    """The pods on the node that request the most memory."""
    room = replica.facts.rooms.get(replica.pod.spec.node_name)
    if room is None:
        return ()
    others = [pod for pod in room.pods if pod.metadata.uid != replica.pod.metadata.uid]
    shares = sorted(
        ((float(pod_requests(pod.spec).get("memory", 0)), pod) for pod in others), key=lambda item: -item[0]
    )
    words = ", ".join(f"{blockers.pod_in_words(pod)} {format_bytes(share)}" for share, pod in shares[:_SHOWN])
    return (evidence.node_field(room.node, "requests[memory]", words),) if words else ()
