"""The memory limit is too small even to start the container.

What it finds
    The runtime's word that the container was killed for want of memory before its command ran, or that its limit is
    below the least that the runtime takes; or that a hook of its own was, as NVIDIA's is in a container with very
    little memory. Silent where a volume in memory has used the limit up.

Why it matters
    It is nearly always a unit that was forgotten: `memory: 64` is 64 bytes, `64m` is 0.064 bytes.

Evidence
    The runtime's words, and the limit.

Fix
    `fix-host-oom`, else by hand: a limit with its unit (Gi).
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence
from vops.diagnosis.memory import host_memory
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.memory.tmpfs_charged import suspect
from vops.diagnosis.starting.creation import refusal
from vops.model.patterns import lazy_pattern

_TOO_SMALL = lazy_pattern(r"init was OOM-killed|memory limit too low|minimum memory limit", re.IGNORECASE)


@rule(cause="host-oom", branch=Branch.START, order=24)
def limit_below_start(replica: Replica) -> Verdict | None:
    found = refusal(replica)
    by_hook = found is not None and host_memory.HOOK_KILLED.search(found.text) is not None
    if found is None or not (by_hook or _TOO_SMALL.search(found.text)):
        return None
    if host_memory.killed_at_init(replica) is not None and suspect(replica) is not None:
        return None
    limit = replica.container.resources.limits.get("memory", "none")
    container = replica.container.name if replica.observed else "the container"
    return Verdict(
        summary=f"The memory limit of {replica.name}{f' ({limit})' if replica.observed else ''} is too small even to "
        "start the container",
        evidence=(found.shown, evidence.container_field(replica, "resources.limits.memory", limit)),
        confidence=Confidence.PROBABLE if by_hook else Confidence.CERTAIN,
        fixes=(
            remedies.runbook(
                replica,
                "fix-host-oom",
                "Give the container memory",
                Applicability.ASK,
                {
                    "container": replica.container.name,
                    "memory": host_memory.in_gi(host_memory.wanted_bytes(replica)),
                },
                by_hand=(f"Set resources.limits.memory of {container} with its unit, such as 32Gi.",),
            ),
        ),
    )
