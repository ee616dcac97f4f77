"""Runs as text and as reports: a line each, the whole story of one, and JUnit, JSON and Markdown for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from vops.model.quantities import format_duration
from vops.planning.diff import diff_lines
from vops.planning.events import StepRecord, StepState
from vops.planning.plan import Plan
from vops.render.plan import change_lines
from vops.render.text import Line, Span, Tone, columns, line

_MARK = {
    StepState.DONE: ("✓", Tone.GOOD),
    StepState.FAILED: ("✗", Tone.BAD),
    StepState.WAITING: ("!", Tone.WARN),
    StepState.UNKNOWN: ("?", Tone.WARN),
    StepState.RUNNING: ("…", Tone.WARN),
    StepState.UNDONE: ("↶", Tone.WARN),
    StepState.SKIPPED: ("-", Tone.DIM),
    StepState.PLANNED: ("·", Tone.DIM),
}
_ENDED_WELL = frozenset({"fixed", "applied", "nothing"})
_HEADINGS = ("RUN", "STARTED (UTC)", "RUNBOOK", "TARGET", "STEPS", "ENDED")


class RunStory(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is told of a run: `outcome` is empty while it goes on, or where it was interrupted; `error` what ended it.

    Its JSON form is the `vops.run/v1` document.
    """

    run: str
    plan: Plan
    steps: tuple[StepRecord, ...]
    outcome: str = ""
    error: str = ""
    journal: str = ""
    started_at: datetime | None = None
    verification: str = ""
    schema: str = "vops.run/v1"

    @property
    def ended_well(self) -> bool:
        return self.outcome in _ENDED_WELL


def run_rows(stories: Iterable[RunStory]) -> list[Line]:
    """A table of runs."""
    return columns(_HEADINGS, [_row(story) for story in stories])


def _row(story: RunStory) -> tuple[Span, ...]:
    done = sum(step.state in (StepState.DONE, StepState.SKIPPED) for step in story.steps)
    targets = ", ".join(f"{ref.kind.lower()}/{ref.name}" for ref in story.plan.locks)
    tone = Tone.GOOD if story.ended_well else Tone.WARN
    started = f"{story.started_at:%Y-%m-%d %H:%M:%S}" if story.started_at else ""
    return (
        Span(story.run, Tone.ACCENT),
        Span(started),
        Span(story.plan.runbook),
        Span(targets),
        Span(f"{done}/{len(story.steps)}"),
        Span(story.outcome or "interrupted", tone),
    )


def story_lines(story: RunStory) -> list[Line]:
    """One run from its plan to its end, with what to do next."""
    tone = Tone.GOOD if story.ended_well else Tone.WARN
    lines = [
        line(Span(story.plan.title, Tone.STRONG), Span(f"  {story.run}", Tone.DIM)),
        line(Span(story.outcome or "interrupted", tone), f" {story.error}".rstrip()),
    ]
    changes = {step.id: step.changes for step in story.plan.steps}
    for step in story.steps:
        mark, shade = _MARK[step.state]
        lines.append(line(Span(f"{mark} ", shade), step.title or step.id, Span(_took(step), Tone.DIM)))
        lines += [line(f"    {text}") for text in step.message.splitlines()[:3]]
        lines += [text for change in changes.get(step.id, ()) for text in change_lines(change)]
    if story.journal:
        lines.append(line(Span(f"journal: {story.journal}", Tone.DIM)))
    return [*lines, *_next(story)]


def _took(step: StepRecord) -> str:
    if step.started_at is None or step.ended_at is None:
        return ""
    return f"  {format_duration((step.ended_at - step.started_at).total_seconds())}"


def _next(story: RunStory) -> list[Line]:
    if story.outcome in ("", "failed", "waiting"):
        return [line(f"go on: vops resume {story.run}"), line(f"take back: vops undo {story.run}")]
    return [line(f"take back: vops undo {story.run}")] if story.plan.changes else []


# --- reports ----------------------------------------------------------------------------------------------


def run_json(story: RunStory) -> bytes:
    return msgspec.json.format(msgspec.json.encode(story), indent=2)


def run_junit(story: RunStory) -> str:
    """A test suite for the run: a case per step, properties that say which run, cluster and plan it was.

    What was taken back is a suite of its own, both in one `testsuites`, so that it does not look like the run's work.
    """
    from xml.etree import ElementTree

    undoes = story.plan.runbook == "undo"
    name = "vops undo" if undoes else f"vops run {story.plan.runbook}"
    root = suite = _suite(name, story, {"undoes": str(story.plan.params.get("run", ""))} if undoes else {})
    for step in story.steps:
        _case(suite, story, step)
    _count(suite)
    if taken := [step for step in story.steps if step.state in (StepState.UNDONE, StepState.UNKNOWN)]:
        root = ElementTree.Element("testsuites")
        root.append(suite)
        root.append(_taken_back(story, taken))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _suite(name: str, story: RunStory, more: Mapping[str, str]) -> Any:
    from xml.etree import ElementTree

    suite = ElementTree.Element("testsuite", name=name)
    properties = ElementTree.SubElement(suite, "properties")
    facts = {"run": story.run, "cluster": story.plan.cluster.context, "plan": story.plan.id, "outcome": story.outcome}
    for key, value in {**facts, **more}.items():
        ElementTree.SubElement(properties, "property", name=key, value=value)
    return suite


def _taken_back(story: RunStory, steps: Sequence[StepRecord]) -> Any:
    """The suite of what a failed run has taken back, the last change first."""
    from xml.etree import ElementTree

    suite = _suite(f"vops undo {story.plan.runbook}", story, {"undoes": story.run})
    for step in reversed(steps):
        name = f"Take back: {step.title or step.id}"
        case = ElementTree.SubElement(suite, "testcase", classname=story.plan.runbook, name=name)
        if step.state is StepState.UNKNOWN:
            ElementTree.SubElement(case, "failure", type="undo", message=step.message)
    _count(suite)
    return suite


def _count(suite: Any) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for what, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(what, str(len(suite.findall(f"testcase/{tag}"))))


def _case(suite: Any, story: RunStory, step: StepRecord) -> None:
    from xml.etree import ElementTree

    seconds = (step.ended_at - step.started_at).total_seconds() if step.started_at and step.ended_at else 0.0
    case = ElementTree.SubElement(
        suite, "testcase", classname=story.plan.runbook, name=step.title or step.id, time=f"{seconds:.3f}"
    )
    verified = step.kind == "verify" and story.outcome in ("changed", "unchanged")
    if step.state in (StepState.FAILED, StepState.UNKNOWN) or verified:
        said = story.verification if verified else step.message
        ElementTree.SubElement(case, "failure", type=step.kind, message=said or story.error).text = story.error
    elif step.state is StepState.RUNNING:
        ElementTree.SubElement(case, "error", type="interrupted", message=f"interrupted: {step.message}")
    elif step.state is StepState.WAITING:
        ElementTree.SubElement(case, "error", type="approval", message=story.error or "a person has to decide")
    elif step.state is StepState.UNDONE:
        ElementTree.SubElement(case, "skipped", message=step.message or "taken back")
    elif step.state in (StepState.SKIPPED, StepState.PLANNED):
        ElementTree.SubElement(case, "skipped", message=step.message or "not reached")


def run_markdown(story: RunStory) -> str:
    """A summary for a merge request or a job's page: the outcome, the steps, and the diff folded."""
    head = [f"## {story.plan.title}: {story.outcome or 'interrupted'}", ""]
    head += [_escaped(story.error), ""] if story.error else []
    rows = [
        f"| {_MARK[step.state][0]} {_escaped(step.title or step.id)} | {_escaped(step.message)} |"
        for step in story.steps
    ]
    table = ["| step | |", "|---|---|", *rows, ""]
    return "\n".join([*head, *table, *_folded_diff(story.plan), f"run `{story.run}`, plan `{story.plan.id}`", ""])


def _folded_diff(plan: Plan) -> list[str]:
    if not plan.changes:
        return []
    body = [
        f"# {change.target}\n" + "\n".join(f"{item.sign} {item.text}" for item in diff_lines(change))
        for change in plan.changes
    ]
    text = "\n".join(body).replace("```", "` ``")
    return ["<details><summary>changes</summary>", "", "```diff", text, "```", "", "</details>", ""]


def _escaped(text: str) -> str:
    """Text that stays text in a table's cell."""
    for sign in "\\`*_<>|[]":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def github_annotations(story: RunStory) -> Sequence[str]:
    """Workflow commands: one error for what ended the run, as GitHub shows ten of them at most."""
    if story.ended_well:
        return ()
    title = _property(f"vops run {story.plan.runbook}")
    return (f"::error title={title}::{_data(story.error or story.outcome or 'interrupted')}",)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
