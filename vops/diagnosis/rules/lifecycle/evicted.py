"""The kubelet evicted the pod because a limit of its own, or the node's resources, ran out.

What it finds
    Pod.status.reason Evicted, with what ran out: a volume's limit, the container's or pod's ephemeral storage, or the
    node's memory, disk, inodes or process ids. Or the condition DisruptionTarget of a failed pod, with
    EvictionByEvictionAPI: a drain, a descheduler or an autoscaler asked for it.

Why it matters
    An emptyDir that holds the model's cache counts against its limit, the pod's ephemeral storage and the node's disk:
    the next pod downloads the model again and is evicted too. A pod that uses more memory than it requests goes first.

Evidence
    Pod.status, the event, and the volume, limit or request that was exceeded.

Fix
    `fix-ephemeral-storage`, else by hand, with the size computed where the weights' size or the usage is known.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import endings
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern

_GIB = 2**30
_ROOM = 1.2
_SPARE = 1.25
_UNKNOWN_SIZE = "1.2 times the size of the model's files"
_VOLUME = lazy_pattern(r'EmptyDir volume "(?P<name>[\w.-]{1,63})" exceeds the limit "(?P<limit>[^"]{1,40})"')
_CONTAINER = lazy_pattern(
    r'Container (?P<name>[\w.-]{1,63}) exceeded its local ephemeral storage limit "(?P<limit>[^"]{1,40})"'
)
_POD = lazy_pattern(r"ephemeral local storage usage exceeds the total limit of containers (?P<limit>[^\s]{1,40}?)\. ?")
_NODE = lazy_pattern(
    r"(?:node was low on resource: |must evict pod\(s\) to reclaim\"? ?(?:resourceName=\"?)?)(?P<resource>[\w-]{1,60})"
)
_PRESSURE = lazy_pattern(r"node had condition: \[(?P<conditions>[\w ,]{1,200})\]")
_USED = lazy_pattern(
    r"(?:Container|Pod) (?P<name>[\w.-]{1,253}) was using (?P<used>\w{1,40}), request is (?P<request>\w{1,40})"
)


_BY_API = "EvictionByEvictionAPI"
_TAKEN = lazy_pattern(r"(?:Evicted pod|Eviction API: evicting)(?:: (?P<why>[\w/ -]{1,60}))?\.?$")
"""Karpenter's words, before it takes a node away, and the API server's of whoever asks it to."""


class _Reading(msgspec.Struct, frozen=True):
    """What ran out, in words and as evidence, and what to do about it."""

    summary: str
    fix: Fix
    shown: tuple[Evidence, ...] = ()


@rule(cause="evicted", branch=Branch.GONE, explains={"host-oom", "engine-dead"}, order=10)
def evicted(replica: Replica) -> Verdict | None:
    status = replica.pod.status
    if status.reason != "Evicted":
        return _by_request(replica)
    about = [item for item in replica.events if item.reason == "Evicted"]
    reading = _read(replica, status.message)
    return Verdict(
        summary=f"{replica.name} was evicted: {reading.summary}",
        evidence=(
            evidence.pod_field("status", f"{status.reason}: {status.message}"),
            *(evidence.event(item) for item in about[-1:]),
            *reading.shown,
        ),
        confidence=Confidence.CERTAIN,
        severity=endings.severity(replica),
        fixes=(reading.fix,),
    )


def _by_request(replica: Replica) -> Verdict | None:
    """A pod that somebody had evicted through the API, which leaves no reason in its status."""
    status, condition = replica.pod.status, endings.disruption(replica)
    if status.phase != "Failed" or status.reason or condition is None or condition.reason != _BY_API:
        return None
    node = replica.pod.spec.node_name or "NODE"
    return Verdict(
        summary=f"{replica.name} was evicted on request: its node was drained, or a descheduler or autoscaler moved it",
        evidence=(
            evidence.pod_field("status.conditions[DisruptionTarget]", f"{condition.reason}: {condition.message}"),
        ),
        confidence=Confidence.CERTAIN,
        severity=endings.severity(replica),
        fixes=(
            remedies.advice(
                "See who moves the servers, and limit it",
                f"kubectl describe node {node}  (cordoned, tainted, or gone: who drains it)",
                "A PodDisruptionBudget lets them go only as fast as others take over.",
            ),
        ),
    )


def _read(replica: Replica, message: str) -> _Reading:
    if volume := _VOLUME.search(message):
        return _volume(replica, volume["name"], volume["limit"])
    if limited := _CONTAINER.search(message) or _POD.search(message):
        return _ephemeral(replica, limited["limit"])
    if node := _NODE.search(message):
        return _node(replica, node["resource"], message)
    if pressure := _PRESSURE.search(message):
        return _pressure(replica, pressure["conditions"])
    if taken := _TAKEN.match(message):
        return _consolidated(replica, taken["why"] or "")
    return _Reading(message.strip(" .")[:160] or "the kubelet does not say why", _elsewhere(replica))


def _volume(replica: Replica, name: str, limit: str) -> _Reading:
    memory = any(
        item.name == name and (item.empty_dir or {}).get("medium") == "Memory" for item in replica.pod.spec.volumes
    )
    wanted = _wanted(replica, limit)
    if memory:
        step = f"Raise sizeLimit of {name}, and resources.limits.memory by as much: it is kept in memory."
    else:
        step = (
            f"Set sizeLimit of {name} to {wanted}, and request as much ephemeral-storage; "
            "or put the model on a PersistentVolumeClaim, which outlives the pod."
        )
    fix = remedies.by_steps(replica, "Give the volume room", (step,))
    if not memory and wanted != _UNKNOWN_SIZE:
        fix = _give_room(replica, "Give the volume room", step, {"size": wanted, "volume": name})
    what = f"the model's cache in volume {name}" if name == endings.cache_volume(replica) else f"its volume {name}"
    return _Reading(
        f"{what} outgrew its limit of {limit}",
        fix,
        (evidence.pod_field(f"spec.volumes[{name}].emptyDir.sizeLimit", limit, expected=wanted),),
    )


def _ephemeral(replica: Replica, limit: str) -> _Reading:
    wanted, cache = _wanted(replica, limit), endings.cache_volume(replica)
    where = f" (the model's cache in emptyDir {cache} counts)" if cache else ""
    step = (
        f"Set ephemeral-storage in requests and limits to {wanted}, or put the model's cache (HF_HOME) on a "
        "PersistentVolumeClaim."
    )
    path = "resources.limits[ephemeral-storage]"
    return _Reading(
        f"it used more than its {limit} of ephemeral storage{where}",
        remedies.by_steps(replica, "Give its files room", (step,))
        if wanted == _UNKNOWN_SIZE
        else _give_room(replica, "Give its files room", step, {"size": wanted, "limit": True}),
        (evidence.container_field(replica, path, limit, expected=wanted),),
    )


def _give_room(replica: Replica, title: str, step: str, params: dict[str, Any]) -> Fix:
    given = {"container": replica.container.name, **params}
    return remedies.runbook(
        replica, "fix-ephemeral-storage", title, Applicability.ASK, given, by_hand=(step,), notes=(step,)
    )


def _node(replica: Replica, resource: str, message: str) -> _Reading:
    used = next((item for item in _USED.finditer(message) if item["name"] == replica.container.name), None)
    used = used or _USED.search(message)
    usage = f"; {used['name']} used {used['used']} and requests {used['request']}" if used else ""
    path = f"resources.requests[{resource}]"
    more = f"more than {used['used']}" if used else ""
    shown = (evidence.container_field(replica, path, used["request"], expected=more),) if used else ()
    return _Reading(f"the node ran out of {resource}{usage}", _node_fix(replica, resource, used), shown)


def _node_fix(replica: Replica, resource: str, used: re.Match[str] | None) -> Fix:
    amount = _gib(endings.size(used["used"]) * _SPARE) if used and endings.size(used["used"]) else "what it uses"
    if resource == "memory":
        step = f"Set memory in requests and limits to {amount}: who stays within its request is evicted last."
        title = "Request the memory that it uses"
        if not used or not endings.size(used["used"]):
            return remedies.by_steps(replica, title, (step,))
        params = {"container": replica.container.name, "memory": amount}
        return remedies.runbook(
            replica, "fix-host-oom", title, Applicability.ASK, params, by_hand=(step,), notes=(step,)
        )
    if resource == "ephemeral-storage":
        cache = endings.cache_volume(replica)
        where = f"the model's cache (emptyDir {cache})" if cache else "the model's cache (HF_HOME)"
        steps = (
            f"Put {where} on a PersistentVolumeClaim, or request {amount} of ephemeral-storage so that only nodes "
            "with so much room are chosen.",
            "Or give the nodes larger boot disks, or local SSDs.",
        )
        return remedies.by_steps(replica, "Keep its files off the node's disk", steps)
    if resource in ("inodes", "nodefs", "imagefs"):
        step = "Many small files or images fill the disk: put the model's cache (HF_HOME) on a PersistentVolumeClaim."
        return remedies.by_steps(replica, "Keep its files off the node's disk", (step, *_elsewhere(replica).steps))
    return _elsewhere(replica)


def _pressure(replica: Replica, conditions: str) -> _Reading:
    node = replica.pod.spec.node_name or "its node"
    return _Reading(f"{node} takes no such pods while it has {conditions}", _elsewhere(replica))


def _consolidated(replica: Replica, why: str) -> _Reading:
    """By Karpenter, which had a better node in mind, or none."""
    steps = (
        'Annotate the pod template with karpenter.sh/do-not-disrupt: "true"; it ends with its node only by force then.',
        "Or give it a PodDisruptionBudget, and its NodePool disruption.consolidationPolicy: WhenEmpty or a budget.",
    )
    reason = f" ({why})" if why else ""
    return _Reading(
        f"Karpenter took its node away{reason}",
        remedies.by_steps(replica, "Keep Karpenter from taking the nodes of servers", steps),
    )


def _elsewhere(replica: Replica) -> Fix:
    node = replica.pod.spec.node_name or "NODE"
    return remedies.advice(
        "See what fills the node's disk or memory",
        f"kubectl describe node {node}  (conditions, and what its pods request)",
    )


def _wanted(replica: Replica, limit: str) -> str:
    """1.2 times the model's files where their size is known and more than the limit, else in words."""
    files = endings.files_bytes(replica)
    if files is None or files * _ROOM <= endings.size(limit):
        return _UNKNOWN_SIZE
    return _gib(files * _ROOM)


def _gib(size: float) -> str:
    """Bytes as a quantity, rounded up to whole GiB."""
    return f"{max(1, math.ceil(size / _GIB))}Gi"
