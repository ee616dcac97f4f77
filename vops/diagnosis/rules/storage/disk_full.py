"""A disk is full: the cache's volume, or the node's own.

What it finds
    `No space left on device` at the root of the failure.

Why it matters
    Half a model stays behind, and every restart fills the disk again.

Evidence
    The error, and the stage that the log had reached.

Fix
    By hand: a larger volume (1.2 times the weights).
"""

from __future__ import annotations

import re

from vops.diagnosis import deaths, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_FULL = lazy_pattern(
    r"No space left on device|\[Errno (?:28|122)\]|os error (?:28|122)|Disk quota exceeded"
    r"|Not enough (?:free )?disk space"
    r"|not enough space on (?:the )?(?:disk|device)|curl: \(23\)|ENOSPC",
    re.IGNORECASE,
)
_SHARED = lazy_pattern(r"/dev/[s]hm|psm_|</torch_|shared.?memory|shm_open|nccl", re.IGNORECASE)


@rule(cause="disk-full", branch=Branch.DIED, needs={Source.LOGS}, order=19, signature=_FULL)
def disk_full(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _FULL)
    if hit is None or _SHARED.search(hit[0].text) or any(_SHARED.search(frame) for frame in hit[0].frames[-6:]):
        return None
    return Verdict(
        summary=f"{replica.name} finds no space left on its disk",
        evidence=deaths.shown(replica, hit),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.by_steps(
                replica,
                "Make room for the model",
                ("Give the cache a volume of 1.2 times the weights, or raise its size limit.",),
            ),
        ),
    )
