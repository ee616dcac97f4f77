"""The verb logs: what the vLLM containers of a target have written."""

from __future__ import annotations

from vops.errors import NotFound
from vops.model.snapshot import ContainerLog
from vops.operations.observation.observe import observe
from vops.operations.observation.targets import locate, parse_target
from vops.operations.session import Session


async def logs_of(session: Session, text: str, *, previous: bool = False) -> tuple[ContainerLog, ...]:
    """The logs of the target's pods, of the instance that runs or of the one before it.

    Raises UsageError and NotFound for the target, and NotFound when there is no such log.
    """
    ref = await locate(session, parse_target(text))
    snapshot = await observe(session, target=ref, metrics=False, related=False)
    found = tuple(log for log in snapshot.logs if log.previous is previous)
    if not found:
        what = "has no earlier instance whose log is kept" if previous else "has written no log yet"
        raise NotFound(f"{ref} {what}", status=404, hint=f"vops diagnose {text} says what it waits for")
    return found
