"""Versions of vLLM, as far as they log, measure or reckon differently."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
NEWEST_IMAGE = "0.25.1"
"""What the tag `latest` means in the lab."""


@dataclass(frozen=True)
class Version:
    """A release and the dialect that it speaks: the newest one of the table that is not newer.

    `engine_process` is how log lines name the engine's process; the oldest dialect does not sign its lines.
    """

    number: str
    dialect: str
    removed_flags: tuple[str, ...]
    overhead_gib: float
    default_utilization: float
    tells_estimate: bool
    engine_process: str


@dataclass(frozen=True)
class _Dialect:
    since: tuple[int, int]
    name: str
    removed_flags: tuple[str, ...]
    overhead_gib: float
    default_utilization: float = 0.9
    tells_estimate: bool = True
    engine_process: str = "EngineCore"


_GONE_BY_12 = ("--device", "--num-scheduler-steps", "--preemption-mode", "--use-v2-block-manager", "--rope-scaling")
_GONE_BY_18 = (*_GONE_BY_12, "--swap-space")
_GONE_BY_32 = (*_GONE_BY_18, "--task", "--disable-log-requests", "--cuda-graph-sizes", "--max-num-partial-prefills")
_DIALECTS = (
    _Dialect((0, 0), "0.8", (), 1.10, tells_estimate=False, engine_process=""),
    _Dialect((0, 12), "0.12", _GONE_BY_12, 1.05, engine_process="EngineCore_DP0"),
    _Dialect((0, 18), "0.25", _GONE_BY_18, 0.98),
    _Dialect((0, 32), "0.32", _GONE_BY_32, 0.98, 0.92),
)


def version_of(image: str) -> Version:
    """The version that an image's tag names; an odd tag counts as the newest image."""
    tag = image.rpartition(":")[2]
    match = _TAG.match(tag) or _TAG.match(NEWEST_IMAGE)
    assert match is not None  # noqa: S101  NEWEST_IMAGE is well formed
    major, minor, patch = match.groups()
    here = (int(major), int(minor))
    dialect = [item for item in _DIALECTS if item.since <= here][-1]
    return Version(
        f"{major}.{minor}.{patch or 0}",
        dialect.name,
        dialect.removed_flags,
        dialect.overhead_gib,
        dialect.default_utilization,
        dialect.tells_estimate,
        dialect.engine_process,
    )
