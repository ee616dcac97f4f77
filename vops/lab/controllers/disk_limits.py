"""Limits of a pod's own on what it writes to its node, and kubelet's words when it outgrows one.

A container's own files count against its limit, they and its emptyDirs against the sum of all containers' limits, an
emptyDir against its size. Volumes in memory are the container's memory, and not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vops.lab.controllers.placement import amounts
from vops.lab.documents import Document
from vops.lab.process import Process

LOOKS_S = 10.0
"""How often kubelet looks."""
_RESOURCE = "ephemeral-storage"
_GIB = 2**30


def limits(pod: Document) -> bool:
    """Whether there is any."""
    return bool(_sizes(pod)) or any(_limit(item) for item in pod["spec"]["containers"])


def exceeded(pod: Document, processes: Mapping[str, Process]) -> str:
    """Why the pod is evicted, in the order in which kubelet looks; empty while it is within all limits."""
    used = {name: process.files_gib() for name, process in processes.items()}
    return next(iter([*_of_volumes(pod, used), *_of_the_pod(pod, used), *_of_containers(pod, used)]), "")


def _of_volumes(pod: Document, used: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for name, size in _sizes(pod).items():
        if sum(files.get(name, 0.0) for files in used.values()) > _gib(size):
            yield f'Usage of EmptyDir volume "{name}" exceeds the limit "{size}". '


def _of_the_pod(pod: Document, used: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    given = [_limit(item) for item in pod["spec"]["containers"]]
    total = sum(gib for files in used.values() for gib in files.values())
    if given and all(given) and total > sum(map(_gib, given)):
        yield f"Pod ephemeral local storage usage exceeds the total limit of containers {given[0]}. "


def _of_containers(pod: Document, used: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for container in pod["spec"]["containers"]:
        name, limit = container["name"], _limit(container)
        if limit and used.get(name, {}).get("", 0.0) > _gib(limit):
            yield f'Container {name} exceeded its local ephemeral storage limit "{limit}". '


def _sizes(pod: Document) -> dict[str, str]:
    """The limits of emptyDirs on disk, by the name of the volume."""
    volumes = ((item["name"], item.get("emptyDir") or {}) for item in pod["spec"].get("volumes", ()))
    return {
        name: size for name, given in volumes if (size := given.get("sizeLimit")) and given.get("medium") != "Memory"
    }


def _limit(container: Document) -> str:
    return str(container.get("resources", {}).get("limits", {}).get(_RESOURCE, ""))


def _gib(quantity: str) -> float:
    return amounts({_RESOURCE: quantity})[_RESOURCE] / _GIB
