"""What a runbook would do better, though it is right: said by `vops runbook lint` and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from vops.planning.plan import Gate, OnFail
from vops.runbooks.kinds import Group
from vops.runbooks.schema import Runbook, Step


class Advice(msgspec.Struct, frozen=True):
    """One piece of advice, with its place."""

    path: str
    line: int
    message: str


def advice(runbook: Runbook) -> tuple[Advice, ...]:
    """All of it, in the order of the file."""
    found = [item for step in runbook.steps for item in _about(step, fixes=bool(runbook.head.fixes))]
    changes = [step for step in runbook.steps if step.kind.group is Group.CHANGE]
    proves = any(step.kind.group is Group.WAIT for step in runbook.steps)
    if changes and not proves:
        found.append(_said(changes[-1], "nothing looks afterwards whether it helped: add a wait, http or verify"))
    if changes and not runbook.head.lock:
        found.append(Advice(runbook.source.path, 1, "it changes something and locks nothing: add `lock`"))
    return tuple(found)


def _about(step: Step, *, fixes: bool) -> Iterator[Advice]:
    common = step.common
    if fixes and step.kind.group is Group.CHANGE and not common.why:
        yield _said(step, "a fix without a `why` leaves whoever reads the plan guessing")
    if step.kind.group is Group.CHANGE and not common.title:
        yield _said(step, "a change without a `title` is told by its id")
    if common.on_fail is OnFail.UNDO and not common.undo:
        yield _said(step, "it undoes others when it fails, and keeps its own change: is that meant?")


def _said(step: Step, message: str) -> Advice:
    return Advice(step.source.path, step.source.line(step.where), f"step {step.id}: {message}")


def gates(runbook: Runbook) -> tuple[Gate, ...]:
    """What a person is asked for, besides agreeing to the plan."""
    asked = (step.kind.gate if step.kind.group is Group.HUMAN else step.common.gate for step in runbook.steps)
    return tuple(dict.fromkeys(gate for gate in asked if gate is not Gate.NONE))
