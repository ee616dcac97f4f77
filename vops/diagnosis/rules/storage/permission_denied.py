"""vLLM may not write where it must: a cache or home directory is read-only or belongs to somebody else.

What it finds
    `Permission denied` or `Read-only file system` at the root of the failure.

Why it matters
    Containers without root, or with a read-only root, need HF_HOME, HOME and the compile cache on a volume.

Evidence
    The error with its path, and the variables that say where caches go.

Fix
    By hand: a writable volume, and HF_HOME and HOME on it.
"""

from __future__ import annotations

import re

from vops.diagnosis import deaths, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_DENIED = re.compile(r"PermissionError|\[Errno (?:13|30)\]|Permission denied|Read-only file system")
_PATH = re.compile(r"'(/[^']{1,300})'")


@rule(cause="permission-denied", branch=Branch.DIED, needs={Source.LOGS}, order=26)
def permission_denied(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _DENIED)
    if hit is None:
        return None
    path = _PATH.search(hit[0].message)
    where = path[1] if path is not None else "a directory it needs"
    homes = [
        item for item in replica.container.env if item.name in ("HF_HOME", "HOME", "VLLM_CACHE_ROOT") and item.value
    ]
    return Verdict(
        summary=f"{replica.name} may not write to {where}",
        evidence=(
            *deaths.shown(replica, hit),
            *(evidence.container_field(replica, f"env[{item.name}]", item.value) for item in homes),
        ),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.by_steps(
                replica,
                "Give it a directory to write to",
                ("Mount a volume that the container's user may write to, and set HF_HOME and HOME to it.",),
            ),
        ),
    )
