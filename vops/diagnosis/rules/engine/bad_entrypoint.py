"""The container cannot be started: its command is not in the image.

What it finds
    The runtime's failure to execute the command, before vLLM ever ran.

Why it matters
    There is no log to read; the reason is in the container's status only.

Evidence
    The status message.

Fix
    By hand: correct the command.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule

_NOT_FOUND = (
    "executable file not found",
    "no such file or directory",
    "permission denied: unknown",
    "exec format error",
)


@rule(cause="bad-entrypoint", branch=Branch.START, order=30)
def bad_entrypoint(replica: Replica) -> Verdict | None:
    waiting = replica.status.state.waiting if replica.status else None
    death = replica.last_death
    message = " ".join(item.message for item in (waiting, death) if item is not None)
    could_not = "exec" in message or "runc create failed" in message
    if not could_not or not any(text in message for text in _NOT_FOUND):
        return None
    command = " ".join((*replica.container.command, *replica.container.args)[:4]) or "the image's own"
    return Verdict(
        summary=f"The command of {replica.name} cannot be executed: {command[:120]}",
        evidence=(
            evidence.status_field(replica, "state", message),
            evidence.container_field(replica, "command", command),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(remedies.by_steps(replica, "Correct the command", ("Use command: [vllm, serve] or leave it out.",)),),
    )
