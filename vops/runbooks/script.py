"""A runbook with every expression compiled: what planning evaluates, and what checking a runbook means.

Each step sees the parameters and the outputs of the steps before it, nothing else, so a reference to a later step, to
a misspelt output or to an undeclared parameter is an error of the file, found before the first API call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from vops.runbooks.arguments import compile_arguments, compile_condition, compile_text, outputs_in
from vops.runbooks.checks import check_runbook, check_times
from vops.runbooks.expressions import Expression, ExpressionError, Scope, Template
from vops.runbooks.kinds import OWN_CONDITIONS, Group
from vops.runbooks.literals import check_types
from vops.runbooks.maybe import check_maybe, maybe_skipped
from vops.runbooks.params import seconds
from vops.runbooks.positions import Path, Source
from vops.runbooks.schema import Runbook, Step, read_runbook


@dataclass(frozen=True)
class ScriptStep:
    """A step ready to be evaluated; `args` holds Templates and Conditions where the file has expressions.

    `mentioned` are the outputs that its arguments speak of, `asked` those that its `if` does, as `steps.ID.NAME`.
    """

    step: Step
    condition: Expression | None
    done: Expression | None
    args: Any
    timeout: Template | None
    items: Any = None
    """What its loop goes over."""

    @property
    def mentioned(self) -> frozenset[str]:
        return outputs_in(self.args) | outputs_in(self.timeout)

    @property
    def asked(self) -> frozenset[str]:
        return outputs_in(self.condition)


@dataclass(frozen=True)
class Script:
    """A runbook that has passed every check."""

    runbook: Runbook
    steps: tuple[ScriptStep, ...]
    locks: tuple[Template, ...]


def load_script(text: str, path: str) -> Script:
    """Reads, checks and compiles a runbook. Raises InputError with the line of the first fault."""
    return _compiled(_Known(read_runbook(text, path)))


class _Known:
    """A runbook that is the same as another one of its place and text, the texts of its parts included."""

    def __init__(self, runbook: Runbook) -> None:
        self.runbook = runbook
        self._key = (runbook.source.path, runbook.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=128)
def _compiled(read: _Known) -> Script:
    """Checks and compiles a runbook, once: a run that goes on, or the next of a batch, finds it compiled."""
    runbook = read.runbook
    source = runbook.source
    names = {f"params.{name}": param.cel_type for name, param in runbook.head.params.items()}
    scope = Scope(names)
    locks = tuple(_lock(source, scope, ("lock", at), text) for at, text in enumerate(runbook.head.lock))
    steps = []
    for at, step in enumerate(runbook.steps):
        skipped = maybe_skipped(runbook.steps, at)
        beside = {item.id for item in runbook.steps if item.parallel and item.parallel == step.parallel}
        known = {name: kind for name, kind in names.items() if _step_of(name) not in beside}
        steps.append(_compile_step(_nullable(known, skipped), step, skipped))
        names |= {f"steps.{step.id}.{output}": kind for output, kind in step.kind.outputs.items()}
    check_runbook(runbook)
    check_times([(item.step, item.mentioned, item.asked, outputs_in(item.items)) for item in steps])
    return Script(runbook, tuple(steps), locks)


def _nullable(names: Mapping[str, str], skipped: Mapping[str, str]) -> dict[str, str]:
    """The names with those of no fixed type that may be null."""
    return {name: "any" if _step_of(name) in skipped else kind for name, kind in names.items()}


def _step_of(name: str) -> str:
    """The step whose output a name is; empty for a parameter."""
    group, _, rest = name.partition(".")
    return rest.partition(".")[0] if group == "steps" else ""


def _lock(source: Source, scope: Scope, where: Path, text: str) -> Template:
    found = compile_text(source, scope, where, text)
    if not found.is_one_expression and text.count("/") != 2:
        source.fail(f"a lock is a k8s.ref, or KIND/NAMESPACE/NAME, and not {text!r}", where)
    return found


def _compile_step(names: dict[str, str], step: Step, skipped: Mapping[str, str]) -> ScriptStep:
    """The step with its expressions compiled. Raises InputError; `skipped` are the steps that may not have run."""
    source, common, where, loop = step.source, step.common, step.where, step.loop
    outside = Scope(names)
    scope = Scope(names | {"item": "any"}) if loop else outside
    with_object = Scope({**scope.names, "obj": "any"})
    found = ScriptStep(
        step=step,
        condition=compile_condition(source, scope, (*where, "if"), common.if_) if common.if_ else None,
        done=compile_condition(source, with_object, (*where, "done"), common.done) if common.done else None,
        args={key: _argument(source, scope, with_object, step, key) for key in step.args},
        timeout=compile_text(source, scope, (*where, "timeout"), str(common.timeout)) if common.timeout else None,
        items=compile_arguments(loop.source, outside, loop.where, loop.of) if loop else None,
    )
    check_types(source, where, step.kind, found.args, skipped)
    check_maybe(step, skipped, found.condition, found.args)
    return found


def _argument(source: Source, scope: Scope, with_object: Scope, step: Step, key: str) -> Any:
    """One argument; a wait's conditions on `obj` are checked here and evaluated each time that it looks."""
    value, where = step.args[key], (*step.where, key)
    if step.kind.group is not Group.WAIT or key not in OWN_CONDITIONS:
        return compile_arguments(source, scope, where, value)
    if OWN_CONDITIONS[key] == "bool":
        compile_condition(source, with_object, where, value)
    elif OWN_CONDITIONS[key] == "string":
        _check_text(source, with_object, where, value)
    else:
        _check_measure(source, with_object, where, value)
    return value


def _check_text(source: Source, scope: Scope, where: Path, value: Any) -> None:
    try:
        scope.compile(str(value), expected="string")
    except ExpressionError as error:
        source.fail(str(error), where)


def _check_measure(source: Source, scope: Scope, where: Path, value: Any) -> None:
    """`of` of a stall: an expression of whatever type, watched for a change."""
    if not isinstance(value, dict) or not isinstance(value.get("of"), str) or "for" not in value:
        source.fail("`stall` has `of`, an expression on obj, and `for`, a duration", where)
    try:
        scope.compile(value["of"])
        seconds(value["for"])
    except (ExpressionError, ValueError) as error:
        source.fail(str(error), where)
