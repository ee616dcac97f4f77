"""`k8s.patch`: the places a runbook may change, and the ways of changing them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.runbooks.runbook_world import deployment, planned, script, world
from vops.errors import Refused

HEAD = "  - {id: a, kind: k8s.patch, ref: '${params.target}', container: vllm, "


def container_after(wish: str, **container: Any) -> dict[str, Any]:
    """The vLLM container once `wish` is applied; unchanged when nothing is to be done."""
    document = deployment(**container)
    plan = planned(script(HEAD + wish + "}\n"), world(document))
    for change in plan.changes:
        document = change.applied_to(document)
    found: dict[str, Any] = document["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--model", "m", "--max-model-len", "8192"], ["--model", "m", "--max-model-len", "4096"]),
        (["--model", "m", "--max_model_len=8192"], ["--model", "m", "--max_model_len=4096"]),
        (["--model", "m"], ["--model", "m", "--max-model-len", "4096"]),
    ],
)
def test_a_flag_is_set_where_it_stands(args: list[str], expected: list[str]) -> None:
    assert container_after("set: {'@vllm.args/max-model-len': 4096}", args=args)["args"] == expected


def test_several_flags_are_one_edit_of_the_list() -> None:
    after = container_after("set: {'@vllm.args/max-model-len': 4096, '@vllm.args/model': a/b}")
    assert after["args"] == ["--model", "a/b", "--max-model-len", "4096"]


def test_a_command_line_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Refused, match="starts vLLM in a way that vops cannot edit"):
        container_after("set: {'@vllm.args/max-model-len': 4096}", command=["/start.sh"], args=[])


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (None, [{"name": "X", "value": "1"}]),
        ([{"name": "A", "value": "0"}], [{"name": "A", "value": "0"}, {"name": "X", "value": "1"}]),
        ([{"name": "X", "value": "0"}, {"name": "A"}], [{"name": "X", "value": "1"}, {"name": "A"}]),
    ],
)
def test_a_variable_is_replaced_in_place_or_added(env: Any, expected: Any) -> None:
    more = {} if env is None else {"env": env}
    assert container_after("set: {'@vllm.env/X': 1}", **more)["env"] == expected


def test_a_variable_may_refer_to_a_secret() -> None:
    wish = "set: {'@vllm.env/HF_TOKEN': {valueFrom: {secretKeyRef: {name: hf, key: token}}}}"
    reference = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    assert container_after(wish)["env"] == [reference]


@pytest.mark.parametrize(
    ("wish", "probe", "expected"),
    [
        ("atLeast: {'@vllm/livenessProbe/failureThreshold': 3}", {"failureThreshold": 1}, {"failureThreshold": 3}),
        ("atLeast: {'@vllm/livenessProbe/failureThreshold': 3}", {"failureThreshold": 9}, {"failureThreshold": 9}),
        ("atLeast: {'@vllm/livenessProbe/failureThreshold': 3}", {"x": 1}, {"x": 1, "failureThreshold": 3}),
        ("atLeast: {'@vllm/livenessProbe/failureThreshold': 3}", None, None),
        ("remove: ['@vllm/livenessProbe/initialDelaySeconds']", {"initialDelaySeconds": 9, "x": 1}, {"x": 1}),
        ("remove: ['@vllm/livenessProbe/initialDelaySeconds']", {"x": 1}, {"x": 1}),
        ("remove: ['@vllm/livenessProbe/initialDelaySeconds']", None, None),
        ("default: {'@vllm/livenessProbe/x': 2}", {"x": 1}, {"x": 1}),
        ("default: {'@vllm/livenessProbe/y': 2}", {"x": 1}, {"x": 1, "y": 2}),
        ("set: {'@vllm/livenessProbe/x': null}", {"x": 1}, {"x": 1}),
    ],
)
def test_fields_are_raised_removed_and_defaulted(wish: str, probe: Any, expected: Any) -> None:
    more = {} if probe is None else {"livenessProbe": probe}
    assert container_after(wish, **more).get("livenessProbe") == expected


def test_items_are_appended_once() -> None:
    wish = "append: {'@vllm/ports': [{containerPort: 8000}, {containerPort: 9000}]}"
    assert container_after(wish)["ports"] == [{"containerPort": 8000}, {"containerPort": 9000}]


def test_the_vllm_container_is_found_when_it_is_not_named() -> None:
    steps = HEAD.replace("container: vllm, ", "") + "set: {'@vllm/image': x}}\n"
    document = deployment()
    document["spec"]["template"]["spec"]["containers"].insert(0, {"name": "proxy", "image": "envoy"})
    plan = planned(script(steps), world(document))
    assert plan.changes[0].touched == ("/spec/template/spec/containers/1/image",)


def test_a_container_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="no container 'vlm' among vllm"):
        planned(script(HEAD.replace("vllm", "vlm") + "set: {'@vllm/image': x}}\n"), world(deployment()))
