"""How a run that a step has ended is told: what a retry may name, what the error says, what to type next."""

from __future__ import annotations

from vops.errors import StepFailed, TimedOut, Unavailable, Unreachable, VopsError
from vops.model.objects import Ref
from vops.planning.plan import PlannedStep
from vops.runbooks.kinds import Stalled, StepFault


def causes(error: VopsError) -> set[str]:
    """What a retry may name this error by."""
    if isinstance(error, (Unavailable, Unreachable)):
        return {"unavailable"}
    if isinstance(error, TimedOut):
        return {"stall" if isinstance(error, Stalled) else "timeout"}
    return {"failed", error.reason} if isinstance(error, StepFault) else set()


def typed(ref: Ref) -> str:
    """A reference as a user types it: `deployment/NAME -n NAMESPACE`."""
    return f"{ref.kind.lower()}/{ref.name}" + (f" -n {ref.namespace}" if ref.namespace else "")


def step_failed(step: PlannedStep, error: VopsError, *, dirty: bool, left: tuple[str, ...] = ()) -> StepFailed:
    """The error of a run that a step has ended; what could not be taken back is named."""
    rest = f"; not taken back: {'; '.join(left)}" if left else ""
    failed = StepFailed(f"{step.title}: {error}{rest}", dirty=dirty, hint=error.hint)
    failed.__cause__ = error
    return failed
