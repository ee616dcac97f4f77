"""A disk is full: the cache's volume, or the node's own.

What it finds
    `No space left on device` at the root of the failure.

Why it matters
    Half a model stays behind, and every restart fills the disk again.

Evidence
    The error, and the stage that the log had reached.

Fix
    `fix-ephemeral-storage`, else by hand: a larger volume (1.2 times the weights), or room for what Ray writes.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths, endings
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Evidence, Fix
from vops.diagnosis.memory import host_memory
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.caches import cache_path, mount_of
from vops.model.patterns import lazy_pattern
from vops.model.pods import Volume
from vops.model.snapshot import Source
from vops.model.storage import PersistentVolumeClaim

_FULL = lazy_pattern(
    r"No space left on device|\[Errno (?:28|122)\]|os error (?:28|122)|Disk quota exceeded"
    r"|ray\.exceptions\.OutOfDiskError|Not enough (?:free )?disk space|is over \d\d% full, available space"
    r"|not enough space on (?:the )?(?:disk|device)|curl: \(23\)|ENOSPC",
    re.IGNORECASE,
)
_SHARED = lazy_pattern(r"/dev/[s]hm|psm_|</torch_|shared.?memory|shm_open|nccl", re.IGNORECASE)

_SPILLS = lazy_pattern(r"(/\S{1,300}) is over \d\d% full")
"""Ray's word for the disk that its own files are on, of a container or a node."""

_ROOM = 1.2
_PATH = lazy_pattern(r"'(/[^']{1,300})'")


@rule(cause="disk-full", branch=Branch.DIED, needs={Source.LOGS}, order=19, signature=_FULL)
def disk_full(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _FULL)
    if hit is None or _SHARED.search(hit[0].text) or any(_SHARED.search(frame) for frame in hit[0].frames[-6:]):
        return None
    spills = _SPILLS.search(hit[0].message)
    if spills is not None and mount_of(replica, spills[1]) is None:
        return deaths.verdict(replica, hit, f"{replica.name} finds no space left on its disk", _for_ray(replica))
    path = _PATH.search(hit[0].message)
    mount = mount_of(replica, path[1] if path is not None else cache_path(replica))
    volume = next((item for item in replica.pod.spec.volumes if mount is not None and item.name == mount.name), None)
    where, shown, step = _room(replica, volume) if volume is not None else _own_files(replica)
    return Verdict(
        summary=f"{replica.name} finds no space left on {where}",
        evidence=(*deaths.shown(replica, hit), *shown),
        confidence=deaths.confidence(replica),
        fixes=(_fix(replica, volume, step),),
    )


def _for_ray(replica: Replica) -> Fix:
    return deaths.steps(
        replica,
        "Make room for what Ray writes",
        "Remove what fills the node's disk (df -h, and du in the container), or mount a volume of its own at /tmp/ray.",
        "Ray stops spilling objects at 95 % of a disk, however much that leaves: RAY_local_fs_capacity_threshold=0.99 "
        "on head and workers lets it use more of a large one.",
    )


def _fix(replica: Replica, volume: Volume | None, step: str) -> Fix:
    """More room in an emptyDir where the size of the model is known; claims and nodes are grown by hand."""
    title, files = "Make room for the model", endings.files_bytes(replica)
    if volume is None or volume.empty_dir is None or volume.empty_dir.get("medium") or files is None:
        return remedies.by_steps(replica, title, (step,))
    size = host_memory.in_gi(_ROOM * files)
    params = {"container": replica.container.name, "size": size, "volume": volume.name}
    return remedies.runbook(
        replica, "fix-ephemeral-storage", title, Applicability.ASK, params, by_hand=(step,), notes=(step,)
    )


def _room(replica: Replica, volume: Volume) -> tuple[str, tuple[Evidence, ...], str]:
    """The volume that is full, where its size is set, and what makes it larger."""
    path = f"spec.volumes[{volume.name}]"
    if volume.persistent_volume_claim is not None:
        name = str(volume.persistent_volume_claim.get("claimName", ""))
        claims = replica.facts.all(PersistentVolumeClaim)
        wanted = (replica.namespace, name)
        found = (item for item in claims if (item.metadata.namespace, item.metadata.name) == wanted)
        sizes = [item.spec.resources.requests.get("storage", "") for item in found]
        now = f" (now {sizes[0]})" if sizes and sizes[0] else ""
        step = (
            f"Raise spec.resources.requests.storage of claim {name}{now} to 1.2 times the weights, where its class "
            "allows volume expansion; or remove models from it that nobody uses."
        )
        return f"volume {volume.name}", (evidence.pod_field(f"{path}.persistentVolumeClaim", f"{name}{now}"),), step
    if volume.empty_dir is not None:
        limit = str(volume.empty_dir.get("sizeLimit", "none"))
        step = f"Set sizeLimit of {volume.name} and the ephemeral-storage request to 1.2 times the weights, or a claim."
        return f"volume {volume.name}", (evidence.pod_field(f"{path}.emptyDir.sizeLimit", limit),), step
    return f"volume {volume.name}", (), f"Give volume {volume.name} 1.2 times the size of the weights."


def _own_files(replica: Replica) -> tuple[str, tuple[Evidence, ...], str]:
    """What is in no volume lies on the node's disk."""
    path = cache_path(replica)
    shown = evidence.container_field(replica, "volumeMounts", f"none holds {path}")
    step = f"Mount a claim of 1.2 times the weights at {path}: without one the model goes to the node's own disk."
    return "its disk", (shown,) if replica.observed else (), step
