"""A Ray worker cannot join its head: nothing answers for the cluster's control service (GCS).

What it finds
    `ray start` or a worker that gave up connecting to the head, or a server that finds no Ray cluster to run in. Or a
    head whose readiness probe counts its nodes, as the production stack's does, and misses some again and again.

Why it matters
    The group waits for this worker; without it vLLM never has its GPUs.

Evidence
    Ray's words, with the address that it tried.

Fix
    By hand: the head's address, its Service, and port 6379 between the pods.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.probes import failures
from vops.diagnosis.states import ray_nodes
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_GCS = lazy_pattern(
    r"^Ray: |(?:[3-9]\d\d|\d{4,6}) seconds elapsed: Waiting for GCS to be ready|connect to GCS|Could not find any "
    r"running Ray instance|Ray cluster is not found|No existing Ray"
    r"|GCS address|ray client connection timeout"
    r"|ray\S{0,20}\.exceptions\.RaySystemError|Failed to (?:get|register) .{0,60}(?:GCS|raylet)"
    r"|Unable to connect to .{0,60}:6379"
    r"|can't find available Ray|Failed to connect to Ray cluster|Ray is trying to start at"
    r"|multiple active Ray instances"
    r"|Failed to start GCS|[Tt]imed out waiting for node info|to resolve node to connect to|raylet may not have started"
    r"|current node timed out during startup|waiting for node to startup|has not been registered in GCS"
    r"|called ray\.init twice|ray\.exceptions\.(?:RpcError|AuthenticationError|GetTimeoutError)"
)
_ADDRESS = lazy_pattern(r"(?:address|at|to)[ :]{1,3}([\w.-]{3,253}:\d{2,5})", re.ASCII)


@rule(cause="ray-unreachable", branch=Branch.DIED, needs={Source.LOGS}, order=35, signature=_GCS)
def ray_unreachable(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _GCS)
    if hit is None:
        return None
    found = _ADDRESS.search(hit[0].message)
    address = found[1] if found is not None else "the head"
    port = address.partition(":")[2] or "6379"
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} cannot reach its Ray cluster at {address}",
        deaths.steps(
            replica,
            "Let the worker find its head",
            f"From this pod: getent hosts {address.partition(':')[0]}; the head's pod must run and its Service select "
            f"it.",
            f"Open port {port} and Ray's worker ports between the pods (NetworkPolicy); start the head before the "
            "workers.",
        ),
        evidence.container_field(
            replica, "command", " ".join((*replica.container.command, *replica.container.args))[:200]
        ),
    )


@rule(cause="ray-unreachable", branch=Branch.SERVE, order=40)
def ray_workers_missing(replica: Replica) -> Verdict | None:
    event, nodes = failures(replica, "Readiness"), ray_nodes(replica)
    if event is None or nodes is None:
        return None
    return Verdict(
        summary=f"Only {nodes[0]} of the {nodes[1]} nodes of the Ray cluster of {replica.name} have joined it",
        evidence=(evidence.event(event),),
        confidence=Confidence.PROBABLE,
        fixes=(
            deaths.steps(
                replica,
                "Bring the missing Ray workers",
                "See whether their pods are there: kubectl get pods -l ray.io/node-type=worker; none at all is for the "
                "log of KubeRay's operator to tell, one that is Pending for its own events.",
                "One that runs and did not join: see its log, and open port 6379 between the pods (NetworkPolicy).",
            ),
        ),
    )
