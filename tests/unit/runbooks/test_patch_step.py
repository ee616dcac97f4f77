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


SHM = "'@vllm/volumeMounts/[mountPath=~1dev~1shm]/name': dshm"
SIZED = "'@vllm.volume/dev/shm': {emptyDir: {medium: Memory, sizeLimit: 4Gi}}"


def pod_spec_after(wish: str, volumes: Any = None, **container: Any) -> dict[str, Any]:
    document = deployment(**container)
    if volumes is not None:
        document["spec"]["template"]["spec"]["volumes"] = volumes
    plan = planned(script(HEAD + wish + "}\n"), world(document))
    found: dict[str, Any] = plan.changes[0].applied_to(document)["spec"]["template"]["spec"]
    return found


def test_a_mount_and_its_volume_are_added_where_there_are_none() -> None:
    spec = pod_spec_after(f"set: {{{SHM}, {SIZED}}}")
    assert spec["containers"][0]["volumeMounts"] == [{"mountPath": "/dev/shm", "name": "dshm"}]
    assert spec["volumes"] == [{"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "4Gi"}}]


def test_a_volume_is_found_by_where_it_is_mounted_and_keeps_its_place() -> None:
    volumes = [{"name": "a"}, {"name": "dshm", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": "dshm", "mountPath": "/dev/shm"}]
    wish = "set: {'@vllm.volume/dev/shm/emptyDir/sizeLimit': 4Gi}"
    spec = pod_spec_after(wish, volumes, volumeMounts=mounts)
    assert spec["volumes"] == [volumes[0], {"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "4Gi"}}]
    assert spec["containers"][0]["volumeMounts"] == mounts


def test_a_volume_that_nothing_mounts_is_refused() -> None:
    with pytest.raises(Refused, match="no volume is mounted at /dev/shm"):
        pod_spec_after(f"set: {{{SIZED}}}")


@pytest.mark.parametrize(
    ("wish", "resources", "expected"),
    [
        ("'@vllm.gpus': 4", {"limits": {"nvidia.com/gpu": "1"}}, {"limits": {"nvidia.com/gpu": "4"}}),
        (
            "'@vllm.gpus': 2",
            {"limits": {"amd.com/gpu": "1", "memory": "1Gi"}, "requests": {"amd.com/gpu": "1"}},
            {"limits": {"memory": "1Gi", "amd.com/gpu": "2"}, "requests": {"amd.com/gpu": "2"}},
        ),
        ("'@vllm.gpus': 2", {"requests": {"cpu": "1"}}, {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "2"}}),
        (
            "'@vllm.gpu-resource': nvidia.com/mig-3g.20gb",
            {"limits": {"nvidia.com/gpu": "2"}},
            {"limits": {"nvidia.com/mig-3g.20gb": "2"}},
        ),
    ],
)
def test_gpus_are_counted_and_renamed_wherever_they_stand(wish: str, resources: Any, expected: Any) -> None:
    assert container_after(f"set: {{{wish}}}", resources=resources)["resources"] == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["m", "--x-y", "1", "--port", "1"], ["m", "--port", "1"]),
        (["m", "--x_y=1"], ["m"]),
        (["m", "--port", "1"], ["m", "--port", "1"]),
    ],
)
def test_a_flag_is_taken_away_with_its_value(args: list[str], expected: list[str]) -> None:
    assert container_after("remove: ['@vllm.args/x-y']", args=["serve", *args])["args"] == ["serve", *expected]


def test_a_variable_is_taken_away() -> None:
    env = [{"name": "A", "value": "0"}, {"name": "X", "value": "1"}]
    assert container_after("remove: ['@vllm.env/X', '@vllm.env/Y']", env=env)["env"] == env[:1]
