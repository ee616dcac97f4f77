"""A plan as a colleague would tell it: why, what changes and who wrote it, what it waits for, what proves it, what
undo does, and what keeps it from running. It fits a screen: diffs are folded unless they are asked for `whole`.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from ruamel.yaml import YAML

from vops.model.objects import Ref
from vops.model.quantities import format_duration
from vops.planning.changes import Change, Verb, is_mark
from vops.planning.diff import Sign, diff_lines, repository_patch
from vops.planning.ownership import OwnerKind
from vops.planning.plan import Decision, Gate, OnFail, Plan, PlannedStep
from vops.render.diffs import folded, told
from vops.render.impact import impact_lines
from vops.render.made import in_words
from vops.render.stakes import at_stake, taking_back
from vops.render.text import Line, Span, Tone, line

WIDTH = 116
_DIFF_TONE: dict[Sign, Tone] = {"+": Tone.ADDED, "-": Tone.REMOVED, " ": Tone.DIM}
_SIGN = {
    Verb.PATCH: ("~", Tone.WARN),
    Verb.APPLY: ("~", Tone.WARN),
    Verb.CREATE: ("+", Tone.ADDED),
    Verb.DELETE: ("-", Tone.REMOVED),
    Verb.EVICT: ("-", Tone.REMOVED),
}
_MAKES = (Verb.APPLY, Verb.CREATE)
_GATE = {Gate.CONFIRM: "asks first", Gate.TYPE_NAME: "its name has to be typed", Gate.INSTRUCT: "for you to do"}
_ON_FAIL = {OnFail.CONTINUE: "→", OnFail.UNDO: "↶", OnFail.ASK: "asks what to do if it fails"}
_LEGEND = {OnFail.UNDO: "↶ if it fails, all is taken back", OnFail.CONTINUE: "→ if it fails, it goes on"}
_SECTION = {"rescue": "only after a failure", "always": "whatever happens"}
_REPOSITORIES = frozenset({OwnerKind.ARGO_CD, OwnerKind.FLUX, OwnerKind.HELM})
_NAMES = frozenset({"Prometheus", "Services"})
_MEASURED = re.compile(r"steps\.(\w+)\.(\w+)(?: == true)?")


def plan_lines(
    plan: Plan, *, whole: bool = False, hint: str = "--verbose shows whole diffs", width: int = WIDTH
) -> list[Line]:
    """The plan from its title to the reasons it may not be applied; `hint` is how to see what was left out."""
    telling = _Telling(plan, whole=whole, width=width)
    lines = [
        line(Span(plan.title, Tone.STRONG), Span(f"  {plan.runbook}, risk {plan.risk}", Tone.DIM)),
        line(Span("context ", Tone.DIM), plan.cluster.context, Span(f"  {_targets(plan.locks)}", Tone.DIM)),
        *telling.steps(),
    ]
    lines += [line(Span("owner    ", Tone.DIM), f"{item.kind} {item.name}: {item.effect}") for item in plan.owners]
    if not plan.nothing_to_do:
        lines += impact_lines(plan.impacts) or _said(at_stake(plan), "at stake ", width)
        lines += _said(taking_back(plan), "undo     ", width)
    lines += [line(Span(f"? not verified by a dry run: {text}", Tone.WARN)) for text in plan.unverified]
    for guard in plan.blocked:
        lines.append(line(Span(f"✗ {guard.name}: {guard.detail}", Tone.BAD)))
        if guard.instead:
            lines.append(line(f"  next: {guard.instead}"))
    lines.append(line(Span(_footer(plan), Tone.DIM)))
    ends = [*_legend(plan), *([hint] if telling.short and hint else [])]
    return [*lines, line(Span("   ".join(ends), Tone.DIM))] if ends else lines


def _parts(text: str, width: int) -> list[str]:
    """`text` in lines of `width`; names with hyphens stay whole."""
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _targets(refs: Iterable[Ref]) -> str:
    return ", ".join(str(ref) for ref in refs)


class _Telling:
    """The steps of one plan as lines; `short` says whether a diff was folded."""

    def __init__(self, plan: Plan, *, whole: bool, width: int) -> None:
        self._plan = plan
        self._width = width
        self._whole = whole
        self._homes = {ref.namespace for ref in plan.locks}
        doing = [step.id for step in plan.steps if step.decision is Decision.DO]
        self._numbers = {name: number for number, name in enumerate(doing, 1)}
        self.short = False

    def steps(self) -> list[Line]:
        return [text for step in self._plan.steps for text in self._step(step)]

    def _step(self, step: PlannedStep) -> list[Line]:
        """What a step does, why, on what, and what comes of a failure; of a look only what it has to say."""
        if step.decision is Decision.SKIPPED:
            return []
        if step.decision is Decision.SEEN:
            return [text for said in step.says for text in _said(said, "✓ ", self._width)]
        title = step.title or step.id
        if step.decision is Decision.DONE:
            because = f": {step.because}" if step.kind == "assert" else ": as wished already"
            return [line(Span(f"= {title}{because}", Tone.DIM))]
        lines = [line(Span(f"{self._numbers[step.id]} ", Tone.ACCENT), title, Span(self._terms(step), Tone.DIM))]
        if step.why and step.changes:
            lines += _said(f"because {_lower(step.why)}", "    ", self._width, Tone.DIM)
        lines += [text for said in (*step.says, *_proof(step)) for text in _said(said, "    ", self._width)]
        return lines + [text for change in step.changes for text in self.change(change)]

    def _terms(self, step: PlannedStep) -> str:
        """Under which condition, for how long, after whose word, and what a failure leads to."""
        words = [f"if {self._condition(step.condition)}"] if step.condition else []
        words += [_SECTION[step.section]] if step.section in _SECTION else []
        words += [f"at the same time as {', '.join(beside)}"] if (beside := self._beside(step)) else []
        words += [_GATE[step.gate]] if step.gate in _GATE else []
        words += [f"{format_duration(step.timeout_s)} at most"] if step.timeout_s else []
        signs = f" {_ON_FAIL[step.on_fail]}" if step.on_fail in _ON_FAIL else ""
        return (f"  ({', '.join(words)})" if words else "") + signs

    def _beside(self, step: PlannedStep) -> list[str]:
        """The numbers of the steps that go on at the same time."""
        others = (item.id for item in self._plan.steps if item.parallel == step.parallel and item.id != step.id)
        return [str(self._numbers[name]) for name in others if name in self._numbers] if step.parallel else []

    def _condition(self, condition: str) -> str:
        """A condition on what is measured meanwhile, by the numbers of the steps that measure it."""

        def named(match: re.Match[str]) -> str:
            number = self._numbers.get(match[1])
            return match[0] if number is None else f"{number} has {match[2]}"

        return _MEASURED.sub(named, condition)

    def change(self, change: Change) -> list[Line]:
        """One write: a new object by what it is, any other by the lines that differ and those around them."""
        makes = change.verb in _MAKES and not change.before
        sign, tone = ("+", Tone.ADDED) if makes else _SIGN[change.verb]
        head = [Span(f"    {sign} ", tone), Span(self._named(change.target), Tone.ACCENT)]
        if makes:
            return _new(change, head, self._width)
        if change.verb in (Verb.DELETE, Verb.EVICT):
            return [line(*head, Span(f"  {change.verb}", Tone.DIM))]
        return [line(*head, Span(_writers(change.writers), Tone.DIM)), *self._diff(change)]

    def _named(self, target: Ref) -> str:
        """The object, with its namespace where that is another than the target's."""
        return f"{target.kind.lower()}/{target.name}" if target.namespace in self._homes else str(target)

    def _diff(self, change: Change) -> list[Line]:
        lines = diff_lines(change)
        shown = tuple(told(lines))
        if not self._whole:
            shown, short = folded(lines)
            self.short = self.short or short
        return [line(Span(f"      {item.sign} {item.text}", _DIFF_TONE[item.sign])) for item in shown]


def _said(text: str, lead: str, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """Sentences after `lead`, in lines of `width`, each as deep as the first."""
    rest, shade = " " * len(lead), Tone.ACCENT if lead == "✓ " else Tone.DIM
    wrapped = [part for said in text.splitlines() for part in _parts(said, width - len(lead)) or [""]]
    return [line(Span(rest if at else lead, shade), Span(part, tone)) for at, part in enumerate(wrapped)]


def _lower(text: str) -> str:
    """A sentence as the end of another; a name such as NIXL or a flag stays as it is."""
    first = text.partition(" ")[0]
    return text if first in _NAMES or first[1:] != first[1:].lower() else text[:1].lower() + text[1:]


def _proof(step: PlannedStep) -> tuple[str, ...]:
    """What a verification asks for."""
    target, causes = step.args.get("ref"), step.args.get("causes")
    if step.kind != "verify" or not isinstance(target, dict) or isinstance(causes, str):
        return ()
    serves = target.get("kind") in ("Deployment", "StatefulSet")
    asked = (
        "proven when every replica of the new template is ready" if serves else "proven when no fault is found on it"
    )
    gone = f", and {_none_of(causes)} found again" if causes else ""
    return (asked + gone,)


def _none_of(causes: Sequence[str]) -> str:
    return f"{causes[0]} is not" if len(causes) == 1 else f"none of {', '.join(causes)} is"


def _new(change: Change, head: Sequence[Span], width: int) -> list[Line]:
    """A new object: what it is, beside its name or below."""
    size = Span(f"  new, {len(diff_lines(change))} lines", Tone.DIM)
    words = in_words(change.after or change.document)
    if not words:
        return [line(*head, size)]
    beside = [*head, Span(f"  {words}"), size]
    if sum(len(span.text) for span in beside) <= width:
        return [line(*beside)]
    return [line(*head, size), *_said(words, " " * 8, width)]


def _writers(writers: Mapping[str, str]) -> str:
    """Who wrote the touched fields last: one name, or one for each of the few fields."""
    names = sorted(set(writers.values()))
    if len(names) == 1:
        return f"  last written by {names[0]}"
    each = (f"{path.rpartition('/')[2]} by {name}" for path, name in writers.items())
    return f"  {', '.join(each)}" if names else ""


def change_lines(change: Change) -> list[Line]:
    """The whole diff of one write under the object's name."""
    head = line(Span(f"    {change.verb} {change.target}", Tone.ACCENT), Span(f"  uid {change.target.uid}", Tone.DIM))
    body = [line(Span(f"      {item.sign} {item.text}", _DIFF_TONE[item.sign])) for item in diff_lines(change)]
    return [head, *body]


def handing_back(plan: Plan, run_id: str) -> str:
    """What is left to do after a run beside a repository; empty where no repository would meet what vops owns."""
    carried = {owner.name for owner in plan.owners if owner.kind in _REPOSITORIES}
    if not carried or not run_id or all(change.hands_back for change in plan.changes):
        return ""
    return f"once the repository of {', '.join(sorted(carried))} carries it: vops handback {run_id}"


def _footer(plan: Plan) -> str:
    if plan.nothing_to_do:
        return "nothing to do"
    doing = [step for step in plan.steps if step.decision is Decision.DO]
    waits = [step.timeout_s for step in doing if step.timeout_s]
    noted = any(is_mark(item) and item["op"] == "add" for change in plan.changes for item in change.operations)
    parts = [_counted(len(plan.changes), "change") + (" (noted as change-cause)" if noted else "")]
    parts.append(_counted(len(waits), "wait") + (f" of {format_duration(sum(waits))} at most" if waits else ""))
    asked = [step for step in doing if step.gate in (Gate.CONFIRM, Gate.TYPE_NAME)]
    parts += [_counted(len(asked), "question")] if asked else []
    parts += [f"{len(plan.instructions)} for you to do"] if plan.instructions else []
    return ", ".join(parts) + f"; valid until {plan.expires_at:%H:%M:%S} UTC"


def _legend(plan: Plan) -> list[str]:
    """What the signs after a step mean."""
    used = {step.on_fail for step in plan.steps if step.decision is Decision.DO}
    return [text for on_fail, text in _LEGEND.items() if on_fail in used]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


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
