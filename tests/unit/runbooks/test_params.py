"""Parameters: text from a command line becomes typed values, or a sentence about what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from vops.errors import UsageError
from vops.runbooks.params import Param, bind, seconds

REF = Param("k8s.ref", kinds=("apps/v1/Deployment", "apps/v1/StatefulSet"))


@pytest.mark.parametrize(
    ("param", "given", "value"),
    [
        (Param("int", min=1), "42", 42),
        (Param("float"), "0.9", 0.9),
        (Param("bool"), "False", False),
        (Param("duration"), "1h30m", 5400.0),
        (Param("list"), '[{"key": "gpu"}]', [{"key": "gpu"}]),
        (Param("list"), ({"key": "gpu"},), [{"key": "gpu"}]),
        (Param("map"), '{"a": 1}', {"a": 1}),
        (Param("k8s.port"), "http", "http"),
        (Param("k8s.port"), "8000", 8000),
        (REF, "deployment/llama", {"kind": "Deployment", "name": "llama"}),
        (REF, "sts/llama", {"kind": "StatefulSet", "name": "llama"}),
        (Param("k8s.secretKey"), "hf", {"name": "hf", "key": "token"}),
        (Param("k8s.secretKey"), "hf/TOKEN", {"name": "hf", "key": "TOKEN"}),
        (Param("string", default="x"), None, "x"),
        (Param("string", optional=True), None, None),
    ],
)
def test_values_are_read_by_type(param: Param, given: Any, value: Any) -> None:
    assert bind({"p": param}, {} if given is None else {"p": given}) == {"p": value}


@pytest.mark.parametrize(
    ("param", "given", "why"),
    [
        (Param("int"), "4.5", "not a whole number"),
        (Param("int", min=256), "128", "less than 256"),
        (Param("int", max=4), "8", "more than 4"),
        (Param("int", enum=(1, 2)), "3", "not one of 1, 2"),
        (Param("string", match=r"\w+/\w+"), "x", "does not match"),
        (Param("list"), "{}", "not a list"),
        (Param("list"), "[", "not JSON"),
        (Param("bool"), "yes", "neither true nor false"),
        (Param("k8s.name"), "A_b", "not a Kubernetes name"),
        (REF, "pod/llama", "KIND one of deployment, statefulset"),
        (REF, "llama", "not KIND/NAME"),
        (Param("k8s.secretKey"), "hf/a b", "not a key of a Secret"),
        (Param("string"), None, "parameter p is missing"),
    ],
)
def test_what_does_not_fit_is_said(param: Param, given: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        bind({"p": param}, {} if given is None else {"p": given})


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown parameter: q"):
        bind({"p": Param("int", default=1)}, {"q": 1})


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("15m", 900), (30, 30), ("1h", 3600), ("1m30s", 90)])
def test_durations_are_seconds(text: Any, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "5x", "m", "1.5h", True])
def test_other_texts_are_no_durations(text: Any) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)
