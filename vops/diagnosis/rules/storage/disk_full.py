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
from vops.model.snapshot import Source

_FULL = re.compile(r"No space left on device|\[Errno 28\]|os error 28", re.IGNORECASE)


@rule(cause="disk-full", branch=Branch.DIED, needs={Source.LOGS}, order=25)
def disk_full(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _FULL)
    if hit is None or "/dev/shm" in hit[0].message:  # noqa: S108 - the shared memory of the container, not of vops
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
