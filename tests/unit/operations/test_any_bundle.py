"""Whatever a bundle holds, it is diagnosed or refused with a sentence: never a crash, a hang, an escape or a token.

Texts are made of pieces of real ones, put together and damaged in ways that no author would think of.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import properties
from tests.unit.diagnosis.cluster_parts import DATA

PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def lines_of(*folders: str) -> list[str]:
    """Every line of the texts in some folders, once and in a stable order."""
    found: dict[str, None] = {}
    for folder in folders:
        for path in sorted((DATA / folder).rglob("*")):
            if path.suffix in (".txt", ".log"):
                found.update(dict.fromkeys(path.read_text("utf-8", "replace").splitlines()[:200]))
    return list(found)


def values_of(folder: str) -> list[Any]:
    """Every object of the recordings."""
    return [json.loads(path.read_text()) for path in sorted((DATA / folder).rglob("*.json"))]


HOSTILE = st.sampled_from(
    ["\x1b[31m", "\x9b1m", "\u202e", "\x00", "\r", "hf_" + "a1B2" * 8, "{" * 300, "\ufeff", "```"]
)
RECORDED = st.deferred(lambda: st.sampled_from(lines_of("cases", "describe", "logs")))
"""Read by the worker that needs them, not by each that collects."""
LINE = RECORDED | HOSTILE | st.text(max_size=40)
LINES = st.lists(LINE, max_size=40).map("\n".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.deferred(lambda: st.sampled_from(values_of("kubelet")))


@st.composite
def damaged_objects(draw: st.DrawFn) -> Any:
    """A recorded object in which some fields are something else, or gone."""
    document = json.loads(json.dumps(draw(OBJECT)))
    for _ in range(draw(st.integers(0, 6))):
        _damage(document, draw)
    return document


def _damage(value: Any, draw: st.DrawFn) -> None:
    """Goes down at random, and puts something else where it ends."""
    while isinstance(value, dict | list) and value:
        key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if draw(st.booleans()) and isinstance(value[key], dict | list) and value[key]:
            value = value[key]
            continue
        value[key] = draw(JSON | LINE)
        return


@PATIENT
@given(LINES)
def test_any_text_on_stdin_is_taken_or_refused(text: str) -> None:
    properties.bundle(text.encode("utf-8", "replace"))


@PATIENT
@given(st.binary(max_size=400))
def test_any_bytes_on_stdin_are_taken_or_refused(body: bytes) -> None:
    properties.bundle(body)


@PATIENT
@given(damaged_objects())
def test_any_object_is_taken_or_refused(document: Any) -> None:
    properties.bundle(json.dumps(document).encode())


@PATIENT
@given(LINES)
def test_any_text_is_read_as_a_log(text: str) -> None:
    properties.log(text.encode("utf-8", "replace"))


@PATIENT
@given(LINES)
def test_any_text_is_read_as_a_description(text: str) -> None:
    properties.description(text.encode("utf-8", "replace"))


@PATIENT
@given(
    st.lists(
        st.sampled_from(["vllm:num_requests_running", "DCGM_FI_DEV_GPU_UTIL", "# TYPE x gauge", '{a="b"}', " 1e999"])
    ),
    st.text(max_size=60),
)
def test_any_text_is_read_as_metrics(pieces: list[str], rest: str) -> None:
    properties.metrics(("".join(pieces) + rest + "\n").encode("utf-8", "replace"))


def test_a_log_line_without_end_takes_no_time(tmp_path: Path) -> None:
    properties.bundle(b"(EngineCore pid=1) ERROR " + b"Error: " * 200_000)
    properties.bundle(b"((((" * 200_000)
    properties.bundle(b"Warning  Failed  " + b"3m " * 200_000)
