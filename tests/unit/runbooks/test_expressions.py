"""CEL: checked before it runs, closed on failure, and typed through `${…}`."""

from __future__ import annotations

from typing import Any

import pytest

from vops.runbooks.expressions import ExpressionError, Scope, compile_template, evaluate, fill, holds

NAMES = {"params.tp": "int", "params.name": "string", "params.opt": "any", "steps.a.m": "map", "obj": "any"}
VALUES: dict[str, Any] = {
    "params.tp": 2,
    "params.name": "llama",
    "params.opt": None,
    "steps.a.m": {"b": [1, {"d": 2, "c": 1}]},
    "obj": {"spec": {"replicas": 3}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("params.tp + 1", 3),
        ("obj.spec.replicas > params.tp", True),
        ("has(obj.spec.paused)", False),
        ("params.opt == null", True),
        ("steps.a.m.b[1].c", 1),
        ("params.tp > 600 ? dyn(params.name) : null", None),
        ("obj.spec.replicas == 3 || obj.no.such.field", True),
    ],
)
def test_expressions_have_values(text: str, value: Any) -> None:
    assert evaluate(Scope(NAMES).compile(text), VALUES) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("params.tpp", "undeclared reference to 'params.tpp'"),
        ("steps.b.m", "undeclared reference to 'steps.b.m'"),
        ("params.tp > 'a'", "no matching overload"),
        ("params.tp +", "mismatched input"),
        ("params.name ? 1 : 2", "no matching overload"),
    ],
)
def test_mistakes_are_found_before_anything_runs(text: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        Scope(NAMES).compile(text)


def test_a_condition_has_to_be_a_truth() -> None:
    with pytest.raises(ExpressionError, match="is a int, but a bool is needed"):
        Scope(NAMES).compile("params.tp", expected="bool")


@pytest.mark.parametrize(
    "text",
    ["obj.no.such.field", "params.tp / 0 == 1", "params.opt > 2", "obj.spec", "params.opt", "obj.spec.replicas"],
)
def test_a_condition_without_a_truth_is_never_true(text: str) -> None:
    """An evaluation error of the library is a non-empty string, which Python would take for true."""
    with pytest.raises(ExpressionError):
        holds(Scope(NAMES).compile(text), VALUES)


def test_a_name_without_a_value_raises() -> None:
    with pytest.raises(ExpressionError, match=r"params\.tp"):
        evaluate(Scope(NAMES).compile("params.tp"), {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${params.tp}", 2),
        ("${steps.a.m}", {"b": [1, {"c": 1, "d": 2}]}),
        ("${params.opt}", None),
        ("tp=${params.tp} of ${params.name}", "tp=2 of llama"),
        ("${ {'a': '}'} }", {"a": "}"}),
        ("$${params.tp} ${true}", "${params.tp} true"),
        ("", ""),
    ],
)
def test_a_text_that_is_one_expression_keeps_its_type(text: str, value: Any) -> None:
    assert fill(compile_template(Scope(NAMES), text), VALUES) == value


@pytest.mark.parametrize("text", ["a ${params.opt}", "a ${steps.a.m}", "${obj.no}"])
def test_what_is_no_text_does_not_become_text(text: str) -> None:
    with pytest.raises(ExpressionError):
        fill(compile_template(Scope(NAMES), text), VALUES)


def test_an_open_expression_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="never closed"):
        compile_template(Scope(NAMES), "x ${params.tp")


def test_an_expression_has_a_budget() -> None:
    """However long the lists of a cluster are, no expression takes longer than a blink."""
    nested = Scope({"items": "list"}).compile("items.all(a, items.all(b, items.all(c, a + b + c >= 0)))")
    assert holds(nested, {"items": list(range(10))})
    with pytest.raises(ExpressionError, match="goes over more items than an expression may"):
        holds(nested, {"items": list(range(1000))})
    with pytest.raises(ExpressionError, match="longer than 4000 characters"):
        Scope({}).compile("(" * 5000 + "true" + ")" * 5000)
