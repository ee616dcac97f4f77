"""Answers to what the steps of a plan ask for while it is carried out: given before, or asked of whoever is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from vops.errors import ApprovalNeeded, UsageError
from vops.planning.events import Question
from vops.planning.plan import Decision, Plan, PlannedStep
from vops.runbooks.kinds import discover
from vops.runbooks.params import bind
from vops.runbooks.steps.ask import Args, wanted

Answer = Callable[[Question], Awaitable[str]]
"""Asks a person for a value, as text."""


def check_answers(
    plan: Plan, given: Mapping[str, str], *, can_ask: bool, done: Mapping[str, object] | None = None
) -> None:
    """Before anything is written: every answer is one, and what nobody could be asked for is given.

    Raises UsageError for an answer to what is not asked, or that is none, ApprovalNeeded for one that is missing.
    """
    kinds = discover()
    asked = {
        step.id: step
        for step in plan.steps
        if step.decision is Decision.DO and step.kind in kinds and kinds[step.kind].asks and step.id not in (done or {})
    }
    if unknown := sorted(set(given) - set(asked)):
        hint = f"it asks for: {', '.join(asked)}" if asked else "it asks for nothing"
        raise UsageError(f"no step asks for {', '.join(unknown)}", hint=hint)
    for step_id, step in asked.items():
        _check(step, given.get(step_id), can_ask=can_ask)


def _check(step: PlannedStep, given: str | None, *, can_ask: bool) -> None:
    if given is None:
        if not can_ask and step.args.get("default") is None:
            raise ApprovalNeeded(
                f"{step.title}: a person has to say\n{step.args['say']}", hint=f"add --set {step.id}=…"
            )
    elif not step.late:
        bind({step.id: wanted(msgspec.convert(step.args, Args))}, {step.id: given})
