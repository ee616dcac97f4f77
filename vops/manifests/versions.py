"""Which flags and variables a version of vLLM has for certain, and for certain has not.

The dialects say what a verified version has and lacks; between two verified versions nothing is known, and nothing is
said, unless the version of a change is known exactly.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from vops.model.dialects import DIALECTS, Version

_ADDED_IN: dict[str, Version] = {"shutdown-timeout": (0, 18, 0), "disable-access-log-for-endpoints": (0, 16, 0)}
_REMOVED_IN: dict[str, Version] = {"swap-space": (0, 18, 0)}


class Gone(NamedTuple):
    """A variable that is not read any more from a version on, and what does its work."""

    since: Version
    instead: str = ""


REMOVED_VARIABLES: dict[str, Gone] = {
    "VLLM_USE_V1": Gone((0, 12, 0), "there is only the V1 engine"),
    "VLLM_RPC_TIMEOUT": Gone((0, 33, 0)),
    "VLLM_ATTENTION_BACKEND": Gone((0, 33, 0), "use --attention-backend"),
    "VLLM_TORCH_PROFILER_DIR": Gone((0, 33, 0), "use --profiler-config"),
    "VLLM_SLEEP_WHEN_IDLE": Gone((0, 33, 0)),
    "VLLM_ALL2ALL_BACKEND": Gone((0, 33, 0), "use --all2all-backend"),
    "VLLM_NIXL_ABORT_REQUEST_TIMEOUT": Gone((0, 33, 0)),
}


def removed_since(flag: str, version: Version) -> Version | None:
    """A version, not newer than `version`, that is known to lack a flag which older ones had."""
    known = [_REMOVED_IN[flag]] if flag in _REMOVED_IN else []
    known += [entry.since for entry in DIALECTS if flag in entry.removed_flags]
    gone = min(known, default=None)
    return gone if gone is not None and gone <= version else None


def added_after(flag: str, version: Version) -> Version | None:
    """A version that has a flag which `version` is known to lack."""
    if flag in _ADDED_IN:
        return _ADDED_IN[flag] if version < _ADDED_IN[flag] else None
    for before, entry in itertools.pairwise(DIALECTS):
        if flag in entry.added_flags:
            return entry.since if version <= before.since else None
    return None


def has_flag(flag: str, version: Version | None) -> bool:
    """Whether a version can be given a flag without risk; an unknown version is taken for the newest."""
    return version is None or (removed_since(flag, version) is None and not _may_lack(flag, version))


def _may_lack(flag: str, version: Version) -> bool:
    since = _ADDED_IN.get(flag) or next((e.since for e in DIALECTS if flag in e.added_flags), None)
    return since is not None and version < since


def spoken(version: Version) -> str:
    """`0.25.1`; `0.12` for the first of a series."""
    return ".".join(map(str, version if version[2] else version[:2]))
