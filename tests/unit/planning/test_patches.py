"""Guarded patches: each edit tests what it replaces, and the inverse gives the document back."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vops.errors import Refused
from vops.planning.patches import Edit, TestFailed, apply_operations, make_patch
from vops.planning.pointers import ABSENT

DOCUMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "llama", "namespace": "serving", "uid": "u1", "annotations": {"a/b": "c~d"}},
    "spec": {
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "template": {
            "spec": {
                "containers": [
                    {"name": "proxy", "args": []},
                    {
                        "name": "vllm",
                        "args": ["--model", "m", "--max-model-len", "8192"],
                        "livenessProbe": {"initialDelaySeconds": 60, "timeoutSeconds": 1},
                        "env": [{"name": "A", "value": "1"}],
                    },
                ]
            }
        },
    },
}
VLLM = "/spec/template/spec/containers/1"


@pytest.mark.parametrize(
    ("edit", "operations"),
    [
        pytest.param(
            Edit("/spec/strategy", {"type": "Recreate"}),
            [
                {"op": "test", "path": "/spec/strategy", "value": DOCUMENT["spec"]["strategy"]},
                {"op": "replace", "path": "/spec/strategy", "value": {"type": "Recreate"}},
            ],
            id="replaces a whole object",
        ),
        pytest.param(
            Edit(f"{VLLM}/livenessProbe/initialDelaySeconds"),
            [
                {"op": "test", "path": f"{VLLM}/name", "value": "vllm"},
                {"op": "test", "path": f"{VLLM}/livenessProbe/initialDelaySeconds", "value": 60},
                {"op": "remove", "path": f"{VLLM}/livenessProbe/initialDelaySeconds"},
            ],
            id="removes, and tests that the container is still the same",
        ),
        pytest.param(
            Edit("/spec/template/spec/tolerations", [{"key": "gpu"}]),
            [
                {"op": "test", "path": "/spec/template/spec/tolerations", "value": None},
                {"op": "add", "path": "/spec/template/spec/tolerations", "value": [{"key": "gpu"}]},
            ],
            id="tests the absence of what it adds",
        ),
        pytest.param(
            Edit("/metadata/labels/x/y", "z"),
            [
                {"op": "test", "path": "/metadata/labels", "value": None},
                {"op": "add", "path": "/metadata/labels", "value": {"x": {"y": "z"}}},
            ],
            id="adds a missing parent with what is beneath",
        ),
        pytest.param(Edit("/metadata/annotations/a~1b", "c~d"), [], id="does nothing where nothing changes"),
        pytest.param(Edit("/metadata/labels/x"), [], id="removes nothing where nothing is"),
    ],
)
def test_an_edit_becomes_tests_and_one_operation(edit: Edit, operations: list[Any]) -> None:
    assert list(make_patch(DOCUMENT, [edit]).operations) == operations


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["spec"]["template"]["spec"]["containers"].pop(0),
        lambda d: d["spec"]["template"]["spec"]["containers"][1]["args"].append("--x"),
        lambda d: d["spec"]["template"]["spec"].update(tolerations=[]),
    ],
)
def test_a_newer_edit_by_somebody_else_fails_the_patch(change: Any) -> None:
    edits = [Edit(f"{VLLM}/args", ["--model", "m"]), Edit("/spec/template/spec/tolerations", [{"key": "gpu"}])]
    patch = make_patch(DOCUMENT, edits)
    newer = copy.deepcopy(DOCUMENT)
    change(newer)
    with pytest.raises(TestFailed):
        apply_operations(newer, patch.operations)


def test_undo_refuses_to_overwrite_a_newer_edit() -> None:
    patch = make_patch(DOCUMENT, [Edit("/spec/strategy", {"type": "Recreate"})])
    newer = copy.deepcopy(patch.after)
    newer["spec"]["strategy"]["type"] = "RollingUpdate"
    with pytest.raises(TestFailed):
        apply_operations(newer, patch.undo)


def test_a_list_with_a_secret_is_edited_around_it() -> None:
    document = {"spec": {"args": ["--api-key", "s3cret", "--max-model-len", "8192", "--x"]}}
    wanted = ["--api-key", "s3cret", "--max-model-len", "4096", "--x", "--eager"]
    patch = make_patch(document, [Edit("/spec/args", wanted)])
    assert patch.after == {"spec": {"args": wanted}}
    assert "s3cret" not in str((patch.operations, patch.undo))
    assert apply_operations(patch.after, patch.undo) == document


def test_a_secret_is_neither_moved_nor_written() -> None:
    document = {"spec": {"args": ["--api-key", "s3cret"], "env": []}}
    with pytest.raises(Refused):
        make_patch(document, [Edit("/spec/args", ["--x", "--api-key", "s3cret2"])])
    with pytest.raises(Refused):
        make_patch(document, [Edit("/spec/env", [{"name": "HF_TOKEN", "value": "hf_x"}])])


def test_a_replaced_secret_cannot_be_restored_and_says_so() -> None:
    document = {"spec": {"env": [{"name": "HF_TOKEN", "value": "s3cret"}]}}
    reference = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    patch = make_patch(document, [Edit("/spec/env/0", reference)])
    assert patch.after["spec"]["env"] == [reference]
    assert (patch.undo, patch.unrestorable) == ((), ("/spec/env/0",))
    assert "s3cret" not in str(patch.operations)


def test_a_path_through_a_plain_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="holds a plain value"):
        make_patch(DOCUMENT, [Edit("/kind/x/y", 1)])


KEYS = st.sampled_from(["a", "b", "c/d", "e~f"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "--api-key", "word"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
POINTERS = st.lists(KEYS.map(lambda key: key.replace("~", "~0").replace("/", "~1")), min_size=1, max_size=3)
EDITS = st.lists(st.tuples(POINTERS, VALUES | st.just(ABSENT)), max_size=4)


@given(document=DOCUMENTS, edits=EDITS)
def test_undo_after_the_operations_restores_the_document(document: Any, edits: list[Any]) -> None:
    try:
        patch = make_patch(document, [Edit("/" + "/".join(tokens), value) for tokens, value in edits])
    except (ValueError, Refused):
        return
    assert apply_operations(document, patch.operations) == patch.after
    if not patch.unrestorable:
        assert apply_operations(patch.after, patch.undo) == document
