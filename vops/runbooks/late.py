"""What can only be evaluated while a plan is carried out, since it speaks of what the steps before it will measure.

A plan keeps such a condition, or the arguments of such a step, as the runbook has them; that they make sense was
checked when the runbook was read. Changes are never late: a plan holds every request's body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vops.planning.patches import Document
from vops.planning.plan import Decision, Plan, PlannedStep
from vops.runbooks.arguments import compile_arguments, compile_condition, evaluated
from vops.runbooks.expressions import Scope, holds
from vops.runbooks.kinds import OWN_CONDITIONS, Group, StepKind, discover
from vops.runbooks.positions import Source


class Values:
    """The values that expressions see during a run: parameters, and the outputs of every step so far."""

    def __init__(self, plan: Plan) -> None:
        self.known: dict[str, Any] = {f"params.{name}": value for name, value in plan.params.items()}
        for step in plan.steps:
            self.keep(step, step.outputs if step.decision is Decision.SEEN else {})

    def keep(self, step: PlannedStep, outputs: Document) -> None:
        """Makes a step's outputs readable for the steps after it; what it did not find is null."""
        kind = discover().get(step.kind)
        for name in kind.outputs if kind else ():
            self.known[f"steps.{_written_id(step)}.{name}"] = outputs.get(name)

    def holds(self, step: PlannedStep) -> bool:
        """Whether the step's late condition is true. Raises ExpressionError."""
        expression = compile_condition(_source(step), self._scope(step), ("if",), step.condition)
        return holds(expression, self._seen_by(step))

    def arguments(self, step: PlannedStep, kind: StepKind) -> Document:
        """The step's arguments, evaluated now if they are late. Raises ExpressionError."""
        if not step.late:
            return dict(step.args)
        scope, source = self._scope(step), _source(step)
        own = OWN_CONDITIONS if kind.group is Group.WAIT else {}
        found = {
            key: item if key in own else compile_arguments(source, scope, (key,), item)
            for key, item in step.args.items()
        }
        plain: Document = evaluated(found, self._seen_by(step))
        return plain

    def _seen_by(self, step: PlannedStep) -> Mapping[str, Any]:
        return {**self.known, "item": step.item}

    def _scope(self, step: PlannedStep) -> Scope:
        return Scope(dict.fromkeys(self._seen_by(step), "any"))


def _written_id(step: PlannedStep) -> str:
    """The id in the runbook: that of a step in a loop without the number of its round."""
    return step.id.partition(".")[0]


def _source(step: PlannedStep) -> Source:
    """Where a complaint is said to be: the runbook itself is not at hand any more."""
    return Source("{}", f"step {step.id}")
