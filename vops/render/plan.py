"""A plan as a colleague would tell it: what changes and why, who owns the fields, what keeps it from running."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import msgspec
from ruamel.yaml import YAML

from vops.model.resources import Ref
from vops.planning.changes import Change
from vops.planning.diff import Sign, diff_lines, repository_patch
from vops.planning.plan import Decision, Plan, PlannedStep
from vops.render.text import Line, Span, Tone, line

_DIFF_TONE: dict[Sign, Tone] = {"+": Tone.ADDED, "-": Tone.REMOVED, " ": Tone.DIM}
_MARK = {Decision.DO: "•", Decision.SEEN: "✓", Decision.DONE: "="}


def plan_lines(plan: Plan) -> list[Line]:
    """The plan from its title to the reasons it may not be applied."""
    lines = [
        line(Span(plan.title, Tone.STRONG), Span(f"  {plan.runbook}, risk {plan.risk}", Tone.DIM)),
        line(Span("context ", Tone.DIM), plan.cluster.context, Span(f"  {_targets(plan.locks)}", Tone.DIM)),
    ]
    for step in plan.steps:
        lines += _step_lines(step)
    lines += [line(Span("owner: ", Tone.DIM), f"{item.kind} {item.name}: {item.effect}") for item in plan.owners]
    for guard in plan.blocked:
        lines.append(line(Span(f"✗ {guard.name}: {guard.detail}", Tone.BAD)))
        if guard.instead:
            lines.append(line(f"  next: {guard.instead}"))
    lines.append(line(Span(_footer(plan), Tone.DIM)))
    return lines


def _targets(refs: Iterable[Ref]) -> str:
    return ", ".join(str(ref) for ref in refs)


def _step_lines(step: PlannedStep) -> list[Line]:
    if step.decision is Decision.SKIPPED:
        return []
    title = step.title or step.id
    if step.decision is Decision.DONE:
        known = step.because if step.kind == "assert" else "as wished already"
        return [line(Span(f"{_MARK[step.decision]} {title}: {known}", Tone.DIM))]
    lines = [line(Span(f"{_MARK[step.decision]} ", Tone.ACCENT), title)]
    if step.why and step.changes:
        lines.append(line(Span(f"    because {step.why[:1].lower()}{step.why[1:]}", Tone.DIM)))
    lines += [line(f"    {text}") for said in step.says for text in said.splitlines()]
    for change in step.changes:
        lines += change_lines(change)
    return lines


def change_lines(change: Change) -> list[Line]:
    """The diff of one write under the object's name."""
    head = line(Span(f"    {change.verb} {change.target}", Tone.ACCENT), Span(f"  uid {change.target.uid}", Tone.DIM))
    body = [line(Span(f"      {item.sign} {item.text}", _DIFF_TONE[item.sign])) for item in diff_lines(change)]
    return [head, *body]


def _footer(plan: Plan) -> str:
    count = len(plan.changes)
    waits = sum(1 for step in plan.steps if step.timeout_s and step.decision is Decision.DO)
    parts = [f"{count} change{'' if count == 1 else 's'}", f"{waits} wait{'' if waits == 1 else 's'}"]
    if plan.instructions:
        parts.append(f"{len(plan.instructions)} for you to do")
    return ", ".join(parts) + f"; valid until {plan.expires_at:%H:%M:%S} UTC"


def plan_yaml(plan: Plan) -> str:
    """Each change as the merge patch for the repository that holds the object, or as the object itself."""
    documents: list[Any] = [change.document or repository_patch(change) for change in plan.changes]
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump_all(documents, stream)
    return stream.getvalue()


def plan_document(plan: Plan | None, report: dict[str, Any]) -> bytes:
    """The `vops.fix/v1` document: the report, the plan, and whether there is anything to do."""
    document = {
        "schema": "vops.fix/v1",
        "report": report,
        "plan": None if plan is None else msgspec.to_builtins(plan),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
