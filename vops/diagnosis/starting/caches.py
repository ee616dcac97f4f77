"""Where a server keeps what it downloads, and which volume holds a path."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePosixPath

from vops.diagnosis.facts import Replica
from vops.model.pods import Volume, VolumeMount

_NAMED_BY = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME")
_UNDER_HOME = ".cache/huggingface"


def cache_path(replica: Replica) -> str:
    """The directory of the model cache: --download-dir, HF_HUB_CACHE, HF_HOME, or the one under the home (root's)."""
    words = [word for text in (*replica.container.command, *replica.container.args) for word in text.split()]
    for word, following in pairwise([*words, ""]):
        if word.startswith("--download-dir="):
            return word.partition("=")[2]
        if word == "--download-dir" and following:
            return following
    environment = {item.name: item.value for item in replica.container.env}
    named = next((environment[name] for name in _NAMED_BY if environment.get(name)), "")
    return named or str(PurePosixPath(environment.get("HOME") or "/root") / _UNDER_HOME)


def cache_mounts(replica: Replica) -> tuple[tuple[VolumeMount, Volume | None], ...]:
    """The mounts at, above or below the model cache, with their volumes."""
    path = PurePosixPath(cache_path(replica))
    volumes = {volume.name: volume for volume in replica.pod.spec.volumes}
    return tuple(
        (mount, volumes.get(mount.name))
        for mount in replica.container.volume_mounts
        if path.is_relative_to(mount.mount_path) or PurePosixPath(mount.mount_path).is_relative_to(path)
    )


def mount_of(replica: Replica, path: str) -> VolumeMount | None:
    """The mount that holds a path: the deepest one above it; None for the container's own files."""
    wanted = PurePosixPath(path)
    above = [item for item in replica.container.volume_mounts if wanted.is_relative_to(item.mount_path)]
    return max(above, key=lambda item: len(PurePosixPath(item.mount_path).parts), default=None)
