"""A runbook with every expression compiled: what planning evaluates, and what checking a runbook means.

Each step sees the parameters and the outputs of the steps before it, nothing else, so a reference to a later step, to
a misspelt output or to an undeclared parameter is an error of the file, found before the first API call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vops.planning.plan import Gate, Risk
from vops.runbooks.expressions import (
    Expression,
    ExpressionError,
    Scope,
    Template,
    compile_template,
    evaluate,
    fill,
)
from vops.runbooks.kinds import Group
from vops.runbooks.positions import Path, Source
from vops.runbooks.schema import Runbook, Step, read_runbook

CONDITIONS = frozenset({"if", "done", "until", "failWhen", "cel"})
"""Keys, at any depth, whose value is a bare CEL condition."""

_PARAM = re.compile(r"\bparams\.(\w+)")


@dataclass(frozen=True)
class Condition:
    """A bare condition among a step's arguments."""

    expression: Expression


@dataclass(frozen=True)
class ScriptStep:
    """A step ready to be evaluated; `args` holds Templates and Conditions where the file has expressions."""

    step: Step
    condition: Expression | None
    done: Expression | None
    args: Any
    timeout: Template | None


@dataclass(frozen=True)
class Script:
    """A runbook that has passed every check."""

    runbook: Runbook
    steps: tuple[ScriptStep, ...]
    locks: tuple[Template, ...]


def load_script(text: str, path: str) -> Script:
    """Reads, checks and compiles a runbook. Raises InputError with the line of the first fault."""
    runbook = read_runbook(text, path)
    source = runbook.source
    names = {f"params.{name}": param.cel_type for name, param in runbook.head.params.items()}
    scope = Scope(names)
    locks = tuple(_template(source, scope, ("lock", at), text) for at, text in enumerate(runbook.head.lock))
    steps = []
    for step in runbook.steps:
        steps.append(_compile_step(step.source, Scope(names), Scope(names | {"obj": "any"}), step))
        names |= {f"steps.{step.id}.{output}": kind for output, kind in step.kind.outputs.items()}
    _check_whole(runbook)
    return Script(runbook, tuple(steps), locks)


def _compile_step(source: Source, scope: Scope, with_object: Scope, step: Step) -> ScriptStep:
    common, where = step.common, step.where
    return ScriptStep(
        step=step,
        condition=_condition(source, scope, (*where, "if"), common.if_) if common.if_ else None,
        done=_condition(source, with_object, (*where, "done"), common.done) if common.done else None,
        args={key: _argument(source, scope, with_object, step, key) for key in step.args},
        timeout=_template(source, scope, (*where, "timeout"), str(common.timeout)) if common.timeout else None,
    )


def _argument(source: Source, scope: Scope, with_object: Scope, step: Step, key: str) -> Any:
    """One argument; a wait's conditions on `obj` are checked here and evaluated each time that it looks."""
    value, where = step.args[key], (*step.where, key)
    if step.kind.group is Group.WAIT and key in CONDITIONS:
        _condition(source, Scope({"obj": "any"}), where, value)
        return value
    return _compile(source, scope, where, value)


def _compile(source: Source, scope: Scope, where: Path, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _compile(source, scope, (*where, key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_compile(source, scope, (*where, at), item) for at, item in enumerate(value)]
    if where[-1] in CONDITIONS:
        return Condition(_condition(source, scope, where, value))
    return _template(source, scope, where, value) if isinstance(value, str) else value


def _condition(source: Source, scope: Scope, where: Path, text: Any) -> Expression:
    if isinstance(text, bool):
        text = "true" if text else "false"
    if not isinstance(text, str):
        source.fail("a condition is a CEL expression", where)
    try:
        return scope.compile(text, expected="bool")
    except ExpressionError as error:
        source.fail(str(error), where)


def _template(source: Source, scope: Scope, where: Path, text: str) -> Template:
    try:
        return compile_template(scope, text)
    except ExpressionError as error:
        source.fail(str(error), where)


def evaluated(value: Any, values: Mapping[str, Any]) -> Any:
    """Compiled arguments as plain data. Raises ExpressionError.

    A mapping whose `if` does not hold, or whose `cel` does, is not looked into further: its texts are not needed, and
    may speak of what is not there.
    """
    if isinstance(value, Template):
        return fill(value, values)
    if isinstance(value, Condition):
        return evaluate(value.expression, values, expected="bool")
    if isinstance(value, list):
        return [evaluated(item, values) for item in value]
    if isinstance(value, dict):
        return _evaluated_mapping(value, values)
    return value


def _evaluated_mapping(mapping: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    conditions = {key: evaluated(item, values) for key, item in mapping.items() if isinstance(item, Condition)}
    if conditions.get("if") is False or conditions.get("cel") is True:
        return conditions
    return {key: conditions[key] if key in conditions else evaluated(mapping[key], values) for key in mapping}


def _check_whole(runbook: Runbook) -> None:
    """What only the whole runbook can be wrong about."""
    head, source = runbook.head, runbook.source
    refs = [name for name, param in head.params.items() if param.type == "k8s.ref"]
    namespace = head.params.get("namespace")
    if refs and (namespace is None or namespace.type != "k8s.namespace"):
        source.fail("a k8s.ref needs the parameter `namespace` of type k8s.namespace", ("params", refs[0]))
    used = set(_PARAM.findall(runbook.text)) | {"namespace"}
    for name in head.params:
        if name not in used:
            source.fail(f"parameter {name} is used nowhere", ("params", name))
    gates = {step.common.gate for step in runbook.steps}
    if head.risk is Risk.HIGH and Gate.TYPE_NAME not in gates:
        source.fail("a runbook of high risk needs a step with gate: type-name", ("risk",))
    for step in runbook.steps:
        _check_keys(step.source, step)


def _check_keys(source: Source, step: Step) -> None:
    """Shared keys on steps where they would do nothing."""
    is_change, is_wait = step.kind.group is Group.CHANGE, step.kind.group is Group.WAIT
    useless = {
        "done": bool(step.common.done) and not is_change,
        "undo": not step.common.undo and not is_change,
        "timeout": bool(step.common.timeout) and not is_wait,
        "evidence": step.common.evidence and not (is_wait or is_change),
        "onFail": "onFail" in step.written and not (is_wait or is_change),
    }
    for key, there in useless.items():
        if there:
            source.fail(f"`{key}` has no effect on a step of kind {step.kind.name}", (*step.where, key))
    if is_wait and not step.common.timeout:
        source.fail(f"{step.kind.name} needs a `timeout`", step.where)
