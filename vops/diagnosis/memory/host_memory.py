"""Host memory: who was killed for want of it, by whose account, and how much a server needs.

The runtime's `OOMKilled` means that something in the container's cgroup was killed; it can be missed. Exit code 137 is
any SIGKILL, so without that word it counts only where neither a probe nor a deletion explains it.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from enum import StrEnum

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import endings
from vops.diagnosis.facts import STAND_IN, Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.starting.creation import refusal
from vops.diagnosis.starting.startup import probe_kill
from vops.model.patterns import lazy_pattern
from vops.model.pods import Volume
from vops.model.resources import Event

GIB = 2**30
_SPARE = 1.25
_READ_BUFFER = 10 * GIB
_SIGKILL = -9
_WINDOW = timedelta(minutes=2)
_AT_INIT = "init was OOM-killed"
HOOK_KILLED = lazy_pattern(
    r"running (?:\w+ )?hook\b.{0,20}: .{0,40}exit status 137\b.{0,400}?: line \d{1,4}: +\d{1,10} Killed\b", re.DOTALL
)
"""The runtime's word for a hook that is started within the container's limit and was killed there, as a shell says."""

_OF_GIB_EACH = ("swap-space", "cpu-offload-gb")
_OF_GIB = ("kv-offloading-size",)
_LMCACHE = "LMCACHE_MAX_LOCAL_CPU_SIZE"
_VICTIM = lazy_pattern(
    r"victim process: (?P<name>[^,]{1,60})|Kill(?:ed)? process (?:\d{1,10} )?\((?P<killed>[^)]{1,60})\)"
)
_CONSEQUENCE = lazy_pattern(
    r"died|dead|connection|broken pipe|closed|nccl|gloo|by peer|tim(?:ed|e) ?out|cancel|shutdown|Engine core init",
    re.IGNORECASE,
)
"""What the others say when one of several processes is gone."""

_OURS = (
    "python",
    "vllm",
    "ray",
    "pt_main",
    "api_server",
    "enginecore",
    "lmcache",
    "sglang",
    "llama-server",
    "tritonserver",
)


OPERATORS = ("its InferenceService", "its Revision")
"""Whose status keeps how a container ended; neither KServe nor Knative adds a probe that restarts one."""


class KilledBy(StrEnum):
    """By what it is known that the kernel ended a process for want of memory."""

    RUNTIME = "runtime"  # the container's reason says so
    CHILD = "child"  # a process of vLLM ended by signal 9
    SILENCE = "silence"  # exit code 137, and nothing else explains it


class OutOfMemory(msgspec.Struct, frozen=True):
    """A kill for want of host memory, how sure it is, and the node's own words about it."""

    by: KilledBy
    confidence: Confidence
    node_events: tuple[Event, ...] = ()

    @property
    def node_was_out(self) -> bool:
        """Whether the node itself had no memory left, by the kubelet's word."""
        return any(item.reason == "SystemOOM" for item in self.node_events)


def out_of_memory(replica: Replica) -> OutOfMemory | None:
    """How the last instance, or a process of it, was killed for want of host memory; None when it was not."""
    death, log = replica.last_death, replica.death_log
    events = _node_events(replica)
    if death is not None and death.reason == "OOMKilled":
        return OutOfMemory(KilledBy.RUNTIME, Confidence.CERTAIN, events)
    if log is not None and log.child_exit_code == _SIGKILL and not _failed_before(log):
        return OutOfMemory(KilledBy.CHILD, Confidence.STRONG, events)
    if _silently_killed(replica) and (events or limit_bytes(replica)):
        return OutOfMemory(KilledBy.SILENCE, Confidence.STRONG if events else Confidence.PROBABLE, events)
    return None


def killed_at_init(replica: Replica) -> Evidence | None:
    """The runtime's word that a container that ran before has no memory left to be started in; None without it.

    What an instance left in a memory-backed volume still counts against the pod.
    """
    found = refusal(replica)
    again = found is not None and replica.restarts > 0 and _AT_INIT in found.text
    return found.shown if found is not None and again else None


def _failed_before(log: LogReading) -> bool:
    """Whether an error of its own came before a process was killed: then the server itself may have killed it."""
    root, killed = log.root, log.engine_died_line
    if root is None or (killed is not None and root.line > killed):
        return False
    return _CONSEQUENCE.search(root.text) is None


def _silently_killed(replica: Replica) -> bool:
    """A SIGKILL without a SIGTERM before it, that no probe, eviction or deletion accounts for."""
    death, log = replica.last_death, replica.death_log
    if death is None or death.exit_code != 137 or death.reason not in ("Error", ""):
        return False
    if log is None:
        return not asked_to_stop(replica) and (bool(_node_events(replica)) or _unprobed(replica))
    leaving = replica.pod.metadata.deletion_timestamp or endings.disruption(replica) or replica.pod.status.reason
    if leaving or log.terminated or log.root is not None or log.wrapper is not None or asked_to_stop(replica):
        return False
    hung = log.ready and replica.container.liveness_probe is not None
    return not hung and probe_kill(replica) is None


def _unprobed(replica: Replica) -> bool:
    """Whether no probe can have ended it: none is there that restarts, and nobody wanted the pod away."""
    container, pod = replica.container, replica.pod
    leaving = pod.metadata.deletion_timestamp or endings.disruption(replica) or pod.status.reason
    seen = replica.observed or pod.metadata.annotations.get(STAND_IN, "") in OPERATORS
    return seen and not (leaving or container.liveness_probe or container.startup_probe)


def asked_to_stop(replica: Replica) -> bool:
    """Whether the kubelet set out to kill the instance that died last, for whatever reason."""
    death = replica.last_death
    ended = death.finished_at if death else None
    grace = replica.pod.spec.grace + _WINDOW
    kills = (item for item in replica.events if item.reason == "Killing")
    return any(not ended or not item.last_seen or abs(ended - item.last_seen) <= grace for item in kills)


def _node_events(replica: Replica) -> tuple[Event, ...]:
    """What the kubelet or the node problem detector says of memory on its node, around the death."""
    death, name = replica.last_death, replica.pod.spec.node_name
    if death is None or not name:
        return ()
    told = replica.facts.events_with("SystemOOM", "OOMKilling")
    return tuple(
        item
        for item in told
        if item.involved_object.kind == "Node" and item.involved_object.name == name and _near(replica, item)
        if may_be_ours(item.message)
    )


def _near(replica: Replica, event: Event) -> bool:
    death, seen = replica.last_death, event.last_seen
    if death is None or death.finished_at is None or seen is None:
        return True
    return abs(death.finished_at - seen) <= _WINDOW


def may_be_ours(message: str) -> bool:
    """Whether the process that the kernel killed may be one of a server: its name, or none, is told."""
    name = victim_of(message).lower()
    return not name or name.startswith(_OURS)


def victim_of(message: str) -> str:
    """The process that the kernel killed, as it names it; empty where it does not."""
    victim = _VICTIM.search(message)
    return (victim["name"] or victim["killed"] or "") if victim else ""


# --- amounts ----------------------------------------------------------------------------------------------


def limit_bytes(replica: Replica) -> float:
    """The container's memory limit; 0 when it has none."""
    return endings.size(replica.container.resources.limits.get("memory", "0"))


def limit_known(replica: Replica) -> bool:
    """Whether the container was seen as it is declared: a kill that is told of has no image, and no limit."""
    return bool(limit_bytes(replica) or replica.container.image)


def memory_volumes(replica: Replica) -> dict[str, Volume]:
    """The memory-backed volumes that the container mounts, by the path where it does."""
    volumes = {volume.name: volume for volume in replica.pod.spec.volumes}
    mounted = ((mount.mount_path, volumes.get(mount.name)) for mount in replica.container.volume_mounts)
    return {path: volume for path, volume in mounted if volume and (volume.empty_dir or {}).get("medium") == "Memory"}


def size_limit(volume: Volume) -> float:
    """How large an emptyDir may get, in bytes; 0 when nothing limits it."""
    return endings.size(str((volume.empty_dir or {}).get("sizeLimit") or "0"))


def tmpfs_bytes(replica: Replica) -> float:
    """What memory-backed volumes may take at most, as far as they are limited."""
    return sum(size_limit(volume) for volume in memory_volumes(replica).values())


def offloaded_bytes(replica: Replica) -> float:
    """What vLLM was told to keep in host memory: swap space, offloaded weights and caches."""
    each = sum(_number(replica, flag) for flag in _OF_GIB_EACH) * max(1, replica.args.tensor_parallel_size or 1)
    once = sum(_number(replica, flag) for flag in _OF_GIB)
    lmcache = next((_float(item.value) for item in replica.container.env if item.name == _LMCACHE), 0.0)
    return (each + once + lmcache * max(1, replica.args.gpus)) * GIB


def working_bytes(replica: Replica) -> float | None:
    """What a start needs without memory-backed volumes; None when the weights' size is not known."""
    files = endings.files_bytes(replica)
    return None if files is None else files + _READ_BUFFER + offloaded_bytes(replica)


def wanted_bytes(replica: Replica, *, in_volumes: float | None = None) -> float:
    """A limit with a quarter to spare: above what was too little, and what a start needs with its volumes in memory.

    `in_volumes` is what those may take, when it is to be another amount than now.
    """
    volumes = tmpfs_bytes(replica) if in_volumes is None else in_volumes
    start = working_bytes(replica) or _READ_BUFFER + offloaded_bytes(replica)
    return _SPARE * max(limit_bytes(replica), start + volumes)


def in_gi(size: float) -> str:
    """Bytes as a quantity, rounded up to whole GiB."""
    return f"{max(1, math.ceil(size / GIB))}Gi"


def allocatable_bytes(replica: Replica) -> float:
    """The memory that its node has for pods; 0 when the node was not seen."""
    return endings.size(replica.node.status.allocatable.get("memory", "0")) if replica.node else 0.0


def raise_limit_step(replica: Replica, wanted: float) -> str:
    """How to raise the limit, or what to do where the node has no more."""
    name, has, node = replica.container.name, allocatable_bytes(replica), replica.pod.spec.node_name
    if has and wanted > has:
        return (
            f"It needs about {in_gi(wanted)}, and {node} has {int(has // GIB)}Gi for pods: use a machine with more "
            "memory, or keep less in it."
        )
    more = "" if limit_known(replica) else ", or to a quarter more than its limit is now where that is higher"
    return f"Set resources.requests.memory and limits.memory of {name} to {in_gi(wanted)}{more}."


def raise_limit(replica: Replica, wanted: float, why: str, applicability: Applicability = Applicability.SAFE) -> Fix:
    """The fix that gives the container `wanted` bytes; by hand where its node has not as many."""
    title, step = "Give the container more host memory", raise_limit_step(replica, wanted)
    has = allocatable_bytes(replica)
    if has and wanted > has:
        return remedies.by_steps(replica, title, (step, why))
    params = {"container": replica.container.name, "memory": in_gi(wanted)}
    by_hand = (step, why)
    return remedies.runbook(replica, "fix-host-oom", title, applicability, params, by_hand=by_hand, notes=(why,))


def volume_evidence(replica: Replica) -> tuple[Evidence, ...]:
    """The memory-backed volumes with their limits."""
    found = []
    for path, volume in memory_volumes(replica).items():
        limit = size_limit(volume)
        words = f"in memory at {path}, up to {in_gi(limit) if limit else 'no limit'}"
        found.append(evidence.pod_field(f"spec.volumes[{volume.name}].emptyDir", words))
    return tuple(found)


def _number(replica: Replica, flag: str) -> float:
    given = replica.args.location(flag)
    return _float((given.value if given else None) or "")


def _float(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
