"""Which steps may not have run when another one's turn comes, so that what they give may be null.

A step is sure for a later one when every way there leads through it, and when whatever skips it skips the later one
as well. All others' outputs have no fixed type, and may be used only beside a comparison that null survives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vops.planning.plan import OnFail
from vops.runbooks.arguments import Condition
from vops.runbooks.expressions import Expression, Template
from vops.runbooks.kinds import Group
from vops.runbooks.positions import Path
from vops.runbooks.schema import Step
from vops.runbooks.structure import Section

_OUTPUT = re.compile(r"\bsteps\.(\w+)\.\w+")
UNLESS = "it is skipped unless "
_COMPARED = re.compile(
    r"\bsteps\.(\w+)\.\w+\s*[!=]=\s*(?:null|true|false)\b|\b(?:null|true|false)\s*[!=]=\s*steps\.(\w+)\.\w+"
)


def maybe_skipped(steps: Sequence[Step], at: int) -> dict[str, str]:
    """The steps before `steps[at]` that may not have run by then, each with the reason, in words."""
    here = steps[at]
    found = ((step.id, _why(steps, number, at, here)) for number, step in enumerate(steps[:at]) if step.kind.outputs)
    return {name: why for name, why in found if why}


def is_always_taken(steps: Sequence[Step], at: int) -> bool:
    """Whether every way through a runbook does the step at `at`, and a failure of it ends the run."""
    step = steps[at]
    stops = step.common.on_fail is not OnFail.CONTINUE
    plain = not conjuncts(step.common.if_) and step.loop is None and step.section is Section.STEPS
    return stops and plain and _leads_through(steps, at, len(steps))


def _why(steps: Sequence[Step], number: int, at: int, here: Step) -> str:
    """Why a step may not have run when the turn of `here` comes; empty when it has."""
    step, common = steps[number], steps[number].common
    if missing := [part for part in conjuncts(common.if_) if part not in conjuncts(here.common.if_)]:
        return f"{UNLESS}{missing[0]}"
    if _fails_before(steps, step, here):
        return f"a failure leads past it in the block {step.block}"
    if step.section is Section.RESCUE and (here.block, here.section) != (step.block, step.section):
        return "it is done only to rescue"
    if common.on_fail is OnFail.CONTINUE and step.kind.group is Group.WAIT:
        return "the run goes on when it fails"
    return "" if _leads_through(steps, number, at) else "a way leads past it"


def _fails_before(steps: Sequence[Step], step: Step, here: Step) -> bool:
    """Whether what a step measures may be missing since its block has failed before."""
    if not step.block or step.section is not Section.STEPS or step.kind.group is Group.LOOK:
        return False
    if here.block == step.block:
        return here.section is not Section.STEPS
    return any(item.block == step.block and item.section is Section.RESCUE for item in steps)


def _leads_through(steps: Sequence[Step], number: int, at: int) -> bool:
    """Whether no way from the beginning to the step at `at` leaves out the one at `number`."""
    if number == 0:
        return True
    places = {step.id: place for place, step in enumerate(steps)}
    reached = {0}
    for place in range(at):
        if place in reached and place != number:
            reached |= {places[target] for target in targets_of(steps[place]) if target in places}
            reached |= {place + 1} if goes_on(steps[place]) else set()
    return at not in reached


def targets_of(step: Step) -> list[str]:
    """The steps that it may lead to by name."""
    return [target for target in (step.common.then, *step.kind.gotos(step.args)) if target]


def goes_on(step: Step) -> bool:
    """Whether a way leads from it to the step after it."""
    return bool(step.common.if_) or not (step.common.then or step.kind.always_leaves(step.args))


def conjuncts(condition: str) -> frozenset[str]:
    """The parts of a condition that all have to hold, each without its outer brackets."""
    text = _bare(condition.strip())
    parts = list(_split(text))
    if len(parts) > 1:
        return frozenset(item for part in parts for item in conjuncts(part))
    return frozenset() if text in ("", "true") else frozenset({text})


def _bare(text: str) -> str:
    while text.startswith("(") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    """Where the bracket is closed that `text` begins with."""
    return next((at for at, depth in _depths(text) if depth == 0), -1)


def _split(text: str) -> Iterator[str]:
    """The parts between `&&` outside brackets and texts; the whole where `||` or `? :` stands beside them."""
    outside = [at for at, depth in _depths(text) if depth == 0]
    if any(text[at] == "?" or text.startswith("||", at) for at in outside):
        yield text
        return
    begin = 0
    for at in outside:
        if text.startswith("&&", at) and at >= begin:
            yield text[begin:at].strip()
            begin = at + 2
    yield text[begin:].strip()


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Every place outside of quoted text with how many brackets are open after it."""
    depth, quote = 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "'\"":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
            yield at, depth


# --- how they are spoken of -------------------------------------------------------------------------------


def check_maybe(step: Step, skipped: Mapping[str, str], condition: Expression | None, args: Any) -> None:
    """Raises InputError with the line where an expression takes for granted what may be null."""
    own = "" if condition is None else condition.text
    for where, text, beside in _texts((), args, own):
        _check_text(step, (*step.where, *where), text, beside, skipped)
    _check_text(step, (*step.where, "if"), own, own, skipped)


def _check_text(step: Step, where: Path, text: str, beside: str, skipped: Mapping[str, str]) -> None:
    compared = {name for pair in _COMPARED.findall(beside) for name in pair if name}
    for output in _OUTPUT.finditer(text):
        why = skipped.get(output[1], "")
        asked = why.removeprefix(UNLESS).lstrip("!") if why.startswith(UNLESS) else ""
        if why and output[1] not in compared and not (asked and asked in beside):
            step.source.fail(
                f"{output[0]} may be null: {why}",
                where,
                hint=f"compare it first ({output[0]} != null && …), or give this step the same `if`",
            )


def _passes_on(value: Template) -> bool:
    first = value.parts[0] if len(value.parts) == 1 else ""
    return isinstance(first, Expression) and _OUTPUT.fullmatch(first.text) is not None


def _texts(where: Path, value: Any, beside: str) -> Iterator[tuple[Path, str, str]]:
    """Every expression with its place, and all that stands beside it: its own text and the conditions above it.

    An output that is passed on as it is is left out: its type says whether it may be null (vops.runbooks.literals).
    """
    if isinstance(value, Condition):
        yield where, value.expression.text, f"{beside} {value.expression.text}"
    elif isinstance(value, Template) and not _passes_on(value):
        for part in value.parts:
            if isinstance(part, Expression):
                yield where, part.text, f"{beside} {part.text}"
    elif isinstance(value, dict):
        above = " ".join(item.expression.text for item in value.values() if isinstance(item, Condition))
        for key, item in value.items():
            yield from _texts((*where, key), item, f"{beside} {above}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _texts((*where, at), item, beside)
