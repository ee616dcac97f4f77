"""CEL expressions: compiled and type-checked before anything runs, and closed on failure when they do.

The only importer of cel_expr_python. Its evaluation errors do not raise: they come back as values whose text is
non-empty and thus "true", so every result's type is looked at here, and an error or an unknown raises. What would cost
too much ends by itself: the package allows ten thousand rounds over lists and reads patterns in linear time, and here
an expression's length is bounded.
A name such as `params.tp` is declared as one qualified variable, which gives each parameter and each output of a step
its own type, and makes a misspelt one a compile error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from cel_expr_python import cel

_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "list": cel.Type.List(cel.Type.DYN),
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "any": cel.Type.DYN,
}
LONGEST = 4000
"""How long an expression may be: more is a program, and the depth of its parsing is not bounded otherwise."""
_IN_TEXT = frozenset({"any", "string", "int", "double", "bool"})
_PATTERN = re.compile(r"""\bmatches\(\s*(?:[^'",()]+,\s*)?(r?)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\)""")
_BUDGET = "Iteration budget exceeded"
_WHERE = re.compile(r"^.*?ERROR: <input>:(\d+):(\d+): ", re.DOTALL)


class ExpressionError(ValueError):
    """An expression does not compile, or has no value; the message says why."""


class Expression(NamedTuple):
    """A compiled expression, its text, and the name of its type (a key of the declarations, or `null`)."""

    text: str
    compiled: Any
    type: str


class Scope:
    """The names that expressions may use, each with its type."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        self._env = cel.NewEnv(variables={name: _TYPES[kind] for name, kind in names.items()})

    def compile(self, text: str, *, expected: str = "any") -> Expression:
        """Raises ExpressionError when `text` does not parse, uses an unknown name, or has not the `expected` type."""
        if len(text) > LONGEST:
            raise ExpressionError(f"{text[:40]}…: longer than {LONGEST} characters")
        _check_patterns(text)
        try:
            compiled = self._env.compile(text)
        except RuntimeError as error:
            raise ExpressionError(f"{text}: {_reason(error)}") from error
        found = _name_of(compiled.return_type())
        if expected not in ("any", found) and found != "any":
            raise ExpressionError(f"{text}: is a {found}, but a {expected} is needed")
        return Expression(text, compiled, found)


def evaluate(expression: Expression, values: Mapping[str, Any], *, expected: str = "any") -> Any:
    """The plain value. Raises ExpressionError for every evaluation error, and for a value of another type."""
    try:
        value = expression.compiled.eval(data=dict(values))
    except RuntimeError as error:
        why = "goes over more items than an expression may" if _BUDGET in str(error) else str(error)
        raise ExpressionError(f"{expression.text}: {why}") from error
    if value.type() in (cel.Type.ERROR, cel.Type.UNKNOWN):
        raise ExpressionError(f"{expression.text}: {value.value()}")
    plain = _ordered(value.plain_value())
    if expected == "bool" and not isinstance(plain, bool):
        raise ExpressionError(f"{expression.text}: is {plain!r}, but true or false is needed")
    return plain


def holds(expression: Expression, values: Mapping[str, Any]) -> bool:
    """Whether a condition is true; anything but true or false raises ExpressionError."""
    return evaluate(expression, values, expected="bool") is True


# --- ${…} inside text -------------------------------------------------------------------------------------


class Template(NamedTuple):
    """Text with expressions in it; `parts` are plain text and compiled expressions in turn."""

    parts: tuple[str | Expression, ...]

    @property
    def is_one_expression(self) -> bool:
        return len(self.parts) == 1 and isinstance(self.parts[0], Expression)


def compile_template(scope: Scope, text: str) -> Template:
    """`text` with each `${…}` compiled; `$${` stands for a literal `${`. Raises ExpressionError."""
    found = Template(tuple(scope.compile(part.text) if part.is_code else part.text for part in _pieces(text)))
    for part in () if found.is_one_expression else found.parts:
        if isinstance(part, Expression) and part.type not in _IN_TEXT:
            raise ExpressionError(f"{part.text}: is a {part.type}, and inside text only text, numbers and truths stand")
    return found


def fill(template: Template, values: Mapping[str, Any]) -> Any:
    """The text with its expressions evaluated; a text that is one expression keeps that expression's type."""
    if template.is_one_expression and isinstance(template.parts[0], Expression):
        return evaluate(template.parts[0], values)
    return "".join(part if isinstance(part, str) else _text(part, values) for part in template.parts)


class _Piece(NamedTuple):
    text: str
    is_code: bool


def _pieces(text: str) -> Iterator[_Piece]:
    at = 0
    plain = ""
    while (start := text.find("${", at)) >= 0:
        if start > at and text[start - 1] == "$":
            plain += text[at : start - 1] + "${"
            at = start + 2
            continue
        plain += text[at:start]
        if plain:
            yield _Piece(plain, False)
            plain = ""
        end = _closing_brace(text, start + 2)
        yield _Piece(text[start + 2 : end].strip(), True)
        at = end + 1
    if plain + text[at:]:
        yield _Piece(plain + text[at:], False)


def _closing_brace(text: str, at: int) -> int:
    """Where the `}` stands that ends an expression, strings and nested braces skipped."""
    depth, quote = 0, ""
    while at < len(text):
        char = text[at]
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "}" and not depth:
            return at
        else:
            depth += (char == "{") - (char == "}")
        at += 1
    raise ExpressionError(f"{text!r}: a '${{' is never closed")


def _text(expression: Expression, values: Mapping[str, Any]) -> str:
    value = evaluate(expression, values)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ExpressionError(f"{expression.text}: a value inside text has to be text, a number or a truth, not {value!r}")


# --- cel_expr_python ---------------------------------------------------------------------------------------


@cache
def _names_by_type() -> dict[str, str]:
    return {str(kind): name for name, kind in _TYPES.items()} | {str(cel.Type.NULL): "null"}


def _name_of(kind: Any) -> str:
    text = str(kind)
    return _names_by_type().get(text) or text.partition("<")[0].lower()


def _check_patterns(text: str) -> None:
    """CEL reads a pattern only when it is used, so one that is written plainly is read here."""
    for raw, quoted in _PATTERN.findall(text):
        pattern = quoted[1:-1] if raw else quoted[1:-1].replace("\\\\", "\\")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ExpressionError(f"{text}: {quoted} is no pattern: {error}") from error


def _reason(error: RuntimeError) -> str:
    """The first complaint of the compiler, without its drawing of the place."""
    return _WHERE.sub(r"", str(error)).splitlines()[0].replace(" (in container '')", "")


def _ordered(value: Any) -> Any:
    """Maps with their keys sorted, since CEL gives them in no order."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value
