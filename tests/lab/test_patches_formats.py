from __future__ import annotations

from typing import Any

import pytest

from vops.lab.patches import json_patch, merge_patch, strategic_merge_patch
from vops.lab.schema import Schema
from vops.lab.statuses import ApiError

DOCUMENT: dict[str, Any] = {
    "metadata": {"finalizers": ["a/b", "c/d"]},
    "spec": {
        "replicas": 1,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "template": {
            "spec": {
                "containers": [
                    {"name": "one", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "args": ["x"]},
                    {"name": "two", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                ],
                "tolerations": [{"key": "old"}],
                "volumes": [{"name": "v", "emptyDir": {}}],
            }
        },
    },
}

REPLACE = {"op": "replace", "path": "/spec/replicas", "value": 2}


def pod_spec(**members: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": members}}}


@pytest.mark.parametrize(
    ("operations", "replicas"),
    [
        (
            [
                {"op": "test", "path": "/spec/replicas", "value": 1},
                {"op": "replace", "path": "/spec/replicas", "value": 2},
            ],
            2,
        ),
        ([{"op": "test", "path": "/spec/absent", "value": None}], 1),
        ([{"op": "test", "path": "/spec/absent"}], 1),
        ([{"op": "add", "path": "/spec/template/spec/tolerations/-", "value": {}}], 1),
    ],
)
def test_json_patch(operations: list[dict[str, Any]], replicas: int) -> None:
    assert json_patch(DOCUMENT, operations)["spec"]["replicas"] == replicas
    assert DOCUMENT["spec"]["template"]["spec"]["tolerations"] == [{"key": "old"}]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/replicas", "value": 2},
        {"op": "test", "path": "/spec/absent", "value": 1},
        {"op": "test", "path": "/spec/replicas", "value": None},
        {"op": "remove", "path": "/spec/absent"},
        {"op": "replace", "path": "/spec/absent", "value": 1},
        {"op": "add", "path": "/spec/absent/deeper", "value": 1},
        {"op": "add", "path": "/spec/template/spec/tolerations/7", "value": 1},
        {"op": "unheard-of", "path": "/spec"},
        {"path": "/spec"},
        "nonsense",
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused_without_particulars(operation: Any) -> None:
    with pytest.raises(ApiError) as refusal:
        json_patch(DOCUMENT, [operation])
    assert refusal.value.status()["message"] == "the server rejected our request due to an error in our request"
    assert (refusal.value.code, refusal.value.reason) == (422, "Invalid")


def test_a_json_patch_is_a_list() -> None:
    with pytest.raises(ApiError, match="cannot unmarshal object into Go value"):
        json_patch(DOCUMENT, {"op": "test"})


def test_merge_patch_replaces_lists_and_removes_nulls() -> None:
    patch: dict[str, Any] = {
        "spec": {"replicas": None, "strategy": {"type": "Recreate"}, "template": {"spec": {"containers": []}}}
    }
    merged = merge_patch(DOCUMENT, patch)["spec"]
    assert "replicas" not in merged
    assert merged["strategy"] == {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}
    assert merged["template"]["spec"]["containers"] == []


@pytest.mark.parametrize(
    ("patch", "path", "expected"),
    [
        (
            pod_spec(containers=[{"name": "one", "env": [{"name": "B", "value": "3"}]}]),
            ("template", "spec", "containers", 0, "env"),
            [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}],
        ),
        (
            pod_spec(containers=[{"name": "one", "env": [{"name": "A", "$patch": "delete"}]}]),
            ("template", "spec", "containers", 0, "env"),
            [{"name": "B", "value": "2"}],
        ),
        (
            pod_spec(containers=[{"name": "one", "env": [{"name": "C", "value": "3"}, {"$patch": "replace"}]}]),
            ("template", "spec", "containers", 0, "env"),
            [{"name": "C", "value": "3"}],
        ),
        (
            pod_spec(containers=[{"name": "two", "ports": [{"containerPort": 80, "name": "http"}]}]),
            ("template", "spec", "containers", 1, "ports"),
            [{"containerPort": 80, "protocol": "TCP", "name": "http"}],
        ),
        (pod_spec(containers=[{"name": "one", "args": ["y"]}]), ("template", "spec", "containers", 0, "args"), ["y"]),
        (pod_spec(tolerations=[{"key": "new"}]), ("template", "spec", "tolerations"), [{"key": "new"}]),
        (
            pod_spec(volumes=[{"name": "v", "hostPath": {"path": "/x"}, "$retainKeys": ["name", "hostPath"]}]),
            ("template", "spec", "volumes"),
            [{"name": "v", "hostPath": {"path": "/x"}}],
        ),
        ({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}, ("strategy",), {"type": "Recreate"}),
        ({"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}, ("strategy",), {"type": "Recreate"}),
    ],
)
def test_strategic_merge_patch(patch: dict[str, Any], path: tuple[Any, ...], expected: Any) -> None:
    value: Any = strategic_merge_patch(DOCUMENT, patch, Schema())["spec"]
    for part in path:
        value = value[part]
    assert value == expected


@pytest.mark.parametrize(
    ("containers", "order", "names"),
    [
        ([{"name": "new"}], None, ["new", "one", "two"]),
        ([{"name": "new"}], [{"name": "one"}, {"name": "new"}, {"name": "two"}], ["one", "new", "two"]),
        ([{"name": "two", "image": "x"}, {"name": "one"}], None, ["two", "one"]),
        ([{"name": "two", "image": "x"}], None, ["one", "two"]),
    ],
)
def test_strategic_merge_keeps_or_sets_the_order(
    containers: list[dict[str, str]], order: list[dict[str, str]] | None, names: list[str]
) -> None:
    ordered = {"$setElementOrder/containers": order} if order else {}
    merged = strategic_merge_patch(DOCUMENT, pod_spec(containers=containers, **ordered), Schema())
    assert [item["name"] for item in merged["spec"]["template"]["spec"]["containers"]] == names


def test_strategic_merge_joins_and_prunes_sets() -> None:
    patch: dict[str, Any] = {"metadata": {"finalizers": ["e/f"], "$deleteFromPrimitiveList/finalizers": ["a/b"]}}
    merged = strategic_merge_patch(DOCUMENT, patch, Schema())
    assert merged["metadata"]["finalizers"] == ["c/d", "e/f"]
