"""The arguments of a step: compiled once, evaluated when their values are known, and which steps they speak of.

`${…}` inside text is an expression, and what stands under one of CONDITIONS is a bare condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vops.runbooks.expressions import (
    Expression,
    ExpressionError,
    Scope,
    Template,
    compile_template,
    evaluate,
    fill,
)
from vops.runbooks.positions import Path, Source

CONDITIONS = frozenset({"if", "done", "until", "failWhen", "cel"})
"""Keys, at any depth, whose value is a bare CEL condition."""

_OUTPUT = re.compile(r"\bsteps\.\w+\.\w+")


@dataclass(frozen=True)
class Condition:
    """A bare condition among a step's arguments."""

    expression: Expression


def compile_arguments(source: Source, scope: Scope, where: Path, value: Any) -> Any:
    """`value` with Templates and Conditions where it has expressions. Raises InputError with the line."""
    if isinstance(value, dict):
        return {key: compile_arguments(source, scope, (*where, key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [compile_arguments(source, scope, (*where, at), item) for at, item in enumerate(value)]
    if where[-1] in CONDITIONS:
        return Condition(compile_condition(source, scope, where, value))
    return compile_text(source, scope, where, value) if isinstance(value, str) else value


def compile_condition(source: Source, scope: Scope, where: Path, text: Any) -> Expression:
    """A bare condition. Raises InputError with the line."""
    if isinstance(text, bool):
        text = "true" if text else "false"
    if not isinstance(text, str):
        source.fail("a condition is a CEL expression", where)
    try:
        return scope.compile(text, expected="bool")
    except ExpressionError as error:
        source.fail(str(error), where)


def compile_text(source: Source, scope: Scope, where: Path, text: str) -> Template:
    """Text with expressions in it. Raises InputError with the line."""
    try:
        return compile_template(scope, text)
    except ExpressionError as error:
        source.fail(str(error), where)


def outputs_in(value: Any) -> frozenset[str]:
    """The outputs of steps that compiled arguments speak of, as `steps.ID.NAME`."""
    return frozenset(name for text in _texts(value) for name in _OUTPUT.findall(text))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Expression):
        yield value.text
    elif isinstance(value, Condition):
        yield value.expression.text
    elif isinstance(value, Template):
        yield from (part.text for part in value.parts if isinstance(part, Expression))
    elif isinstance(value, dict):
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in _texts(item))


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
