"""What a waiting step is told by its runbook to watch: when it is over, when it has failed, when it has stalled.

A condition on something that is not there yet does not hold.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.planning.patches import Document
from vops.runbooks.expressions import Expression, ExpressionError, Scope, evaluate, holds
from vops.runbooks.kinds import Ports, Stalled, StepFault
from vops.runbooks.params import seconds


class Stall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`of` is an expression on `obj`; unless its value changes within `for`, the wait has stalled."""

    of: str
    for_: str = msgspec.field(name="for")


class Watch:
    """The conditions of one wait, asked again each time that it looks."""

    def __init__(
        self, ports: Ports, *, until: str = "", fail_when: str = "", fail_say: str = "", stall: Stall | None = None
    ) -> None:
        self._ports = ports
        scope = Scope({**dict.fromkeys(ports.values, "any"), "obj": "any"})
        self._until = scope.compile(until, expected="bool") if until else None
        self._fail = scope.compile(fail_when, expected="bool") if fail_when else None
        self._say = scope.compile(fail_say, expected="string") if fail_say else None
        self._measure = scope.compile(stall.of) if stall else None
        self._stall_s = seconds(stall.for_) if stall else 0.0
        self._last: Any = None
        self._moved_at = ports.clock.monotonic()

    def is_over(self, obj: Document) -> bool:
        """Whether `until` holds. Raises StepFault when `failWhen` does, Stalled when nothing moves any more."""
        values = {**self._ports.values, "obj": obj}
        if self._fail is not None and _is_so(self._fail, values):
            raise StepFault(self._told(values) or self._fail.text, reason="Failed")
        if self._until is not None and _is_so(self._until, values):
            return True
        self._check_moving(values)
        return False

    def _told(self, values: Document) -> str:
        """What is wrong in the runbook's words; empty where they speak of something that is not there."""
        try:
            return "" if self._say is None else str(evaluate(self._say, values))
        except ExpressionError:
            return ""

    def _check_moving(self, values: Document) -> None:
        if self._measure is None:
            return
        now = self._ports.clock.monotonic()
        try:
            measured = evaluate(self._measure, values)
        except ExpressionError:
            measured = None
        if measured != self._last:
            self._last, self._moved_at = measured, now
        elif now - self._moved_at >= self._stall_s:
            raise Stalled(
                f"{self._measure.text} has been {measured!r} for {self._stall_s:g} s",
                hint="what was changed stays; look again with vops diagnose",
            )


def _is_so(condition: Expression, values: Document) -> bool:
    try:
        return holds(condition, values)
    except ExpressionError:
        return False
