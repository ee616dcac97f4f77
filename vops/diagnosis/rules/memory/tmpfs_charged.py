"""Files in a memory-backed volume used up the container's memory limit.

What it finds
    A container that was killed for want of memory and mounts an emptyDir of medium Memory that may grow as large as its
    limit; that holds the model; or without which the weights would have fitted.

Why it matters
    What is written to /dev/shm or to a model folder in memory is charged to the container that writes it. Raising the
    volume's size without the limit makes it worse. What is in it outlives the container: the next one may not even
    start ("container init was OOM-killed"), however right its limit is.

Evidence
    The kill, the volume with its size and place, and the memory limit.

Fix
    `fix-shm`, else by hand: a size for the volume and a limit that has room for it, both computed; the model on disk.
"""

from __future__ import annotations

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.memory import host_memory
from vops.diagnosis.memory.host_memory import GIB, KilledBy
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.pods import Volume

_SHM = "/dev/shm"  # noqa: S108 - the shared memory of the container, not a file of vops
_SHM_EACH = 2 * GIB
_CACHES = ("/root/.cache", "/.cache", "/home")


class _Suspect(msgspec.Struct, frozen=True):
    """A volume that fills the limit, and why that is believed."""

    path: str
    volume: Volume
    why: str
    confidence: Confidence


@rule(cause="tmpfs-charged", branch=Branch.DIED, explains={"host-oom", "engine-dead"}, order=4, even_when_ready=True)
def tmpfs_charged(replica: Replica) -> Verdict | None:
    killed = _killed(replica)
    filled = suspect(replica) if killed and host_memory.limit_bytes(replica) else None
    if filled is None:
        return None
    limit = replica.container.resources.limits["memory"]
    return Verdict(
        summary=f"What {replica.name} keeps in {filled.path} counts against its limit of {limit}, {filled.why}",
        evidence=(
            *killed,
            *host_memory.volume_evidence(replica),
            evidence.container_field(replica, "resources.limits.memory", limit),
        ),
        confidence=filled.confidence,
        fixes=(_fix(replica, filled),),
    )


def _killed(replica: Replica) -> tuple[Evidence, ...]:
    """How the kernel ended the server, or keeps it from starting again, for want of memory."""
    found = host_memory.out_of_memory(replica)
    if found is not None and found.by is not KilledBy.SILENCE:
        return evidence.exit_status(replica)
    at_init = host_memory.killed_at_init(replica)
    return (at_init,) if at_init is not None else ()


def suspect(replica: Replica) -> _Suspect | None:
    """The volume in memory that probably fills the limit."""
    limit, working = host_memory.limit_bytes(replica), host_memory.working_bytes(replica)
    for path, volume in host_memory.memory_volumes(replica).items():
        size = host_memory.size_limit(volume)
        if path != _SHM and _holds_model(replica, path):
            return _Suspect(path, volume, "and the model is kept there", Confidence.STRONG)
        if size >= limit:
            return _Suspect(path, volume, "which that may fill by itself", Confidence.STRONG)
        if not size and (replica.args.tensor_parallel_size or 1) > 1:
            return _Suspect(path, volume, "and nothing limits its size", Confidence.PROBABLE)
        if working is not None and working <= limit < working + size:
            return _Suspect(path, volume, "which would have been enough without it", Confidence.PROBABLE)
    return None


def _holds_model(replica: Replica, path: str) -> bool:
    """Whether the model or its cache is kept below a path."""
    named = [item.value for item in replica.container.env if item.name in ("HF_HOME", "HF_HUB_CACHE") and item.value]
    folder = replica.args.location("download-dir")
    places = [*named, (folder.value if folder else None) or "", replica.args.model]
    inside = any(place and (place + "/").startswith(path.rstrip("/") + "/") for place in places)
    return inside or (not named and path.startswith(_CACHES))


def _fix(replica: Replica, suspect: _Suspect) -> Fix:
    name = suspect.volume.name
    if suspect.path != _SHM:
        return remedies.by_steps(
            replica,
            "Keep the model on disk",
            (f"Remove medium: Memory from volume {name}, or put the model on a PersistentVolumeClaim.",),
        )
    size = max(GIB, _SHM_EACH * (replica.args.tensor_parallel_size or 1))
    wanted = host_memory.wanted_bytes(replica, in_volumes=size)
    title = "Limit the volume, and make room for it"
    by_hand = (
        f"Set sizeLimit of volume {name} to {host_memory.in_gi(size)}: 2 GiB for each GPU is enough for NCCL.",
        host_memory.raise_limit_step(replica, wanted),
    )
    has = host_memory.allocatable_bytes(replica)
    if has and wanted > has:
        return remedies.by_steps(replica, title, by_hand)
    params = {
        "container": replica.container.name,
        "size": host_memory.in_gi(size),
        "memory": host_memory.in_gi(wanted),
        "volume": name,
    }
    return remedies.runbook(replica, "fix-shm", title, Applicability.SAFE, params, by_hand=by_hand)
