"""Rendering: what is asked for stands in the manifests, lint has nothing to say, and it is the same every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.manifests.combinations import KINDS, LIBRARY, OVERLAYS, orders
from vops.errors import InputError, Refused, UsageError
from vops.manifests.documents import read_documents
from vops.manifests.lint import lint
from vops.manifests.template import fill, parameters
from vops.manifests.values import Asked, library_values, slug
from vops.operations.render import Order, as_yaml, render_order

Manifest = dict[str, Any]
VALUES = library_values(Asked())
CONFIG = Path(__file__).parents[2] / "data/sizing/configs/llama3-70b.json"


def deployment(**asked: Any) -> Manifest:
    order = Order("deploy", Asked(**asked))
    return next(item for item in render_order(order) if item["kind"] == "Deployment")


def server(item: Manifest) -> Manifest:
    container = item["spec"]["template"]["spec"]["containers"][0]
    assert isinstance(container, dict)
    return container


@pytest.mark.parametrize("kind", KINDS)
def test_every_combination_passes_lint_and_is_the_same_twice(kind: str) -> None:
    for order in (order for order in orders() if order.kind == kind):
        text = as_yaml(render_order(order))
        assert as_yaml(render_order(order)) == text, order
        assert lint(read_documents(text, "rendered")).findings == (), order


def test_every_rendered_kind_together_passes_lint() -> None:
    named = [
        Order(kind, Asked(name="llm", namespace="prod")) for kind in KINDS if "claims" not in kind and kind != "hpa"
    ]
    scaled = [order for order in named if order.kind != "deploy"] + [
        Order("deploy", Asked(name="llm", namespace="prod"), overlays=("autoscaled",))
    ]
    apart = {"multi-node", "kserve", "disaggregated", "inference-pool"}
    text = "---\n".join(as_yaml(render_order(order)) for order in scaled if order.kind not in apart)
    assert lint(read_documents(text, "rendered")).findings == ()


def test_every_file_is_yaml_without_vops_and_takes_only_known_parameters() -> None:
    unknown = {path: parameters(text) - set(VALUES) for path, text in LIBRARY.items()}
    assert {path: names for path, names in unknown.items() if names} == {}
    for path, text in LIBRARY.items():
        fill(text, VALUES, path)


def test_the_numbers_follow_from_the_model_and_the_gpus() -> None:
    item = deployment(model="meta-llama/Llama-3.3-70B-Instruct", tensor_parallel_size=4)
    container = server(item)
    budget_s = container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"]
    assert budget_s == 1700  # 140 GB at 100 MB/s, and 300 s
    assert item["spec"]["progressDeadlineSeconds"] == budget_s + 600
    assert container["resources"]["limits"] == {"memory": "46Gi", "nvidia.com/gpu": "4"}
    volumes = {volume["name"]: volume for volume in item["spec"]["template"]["spec"]["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}


def test_a_flag_that_a_version_lacks_is_left_out() -> None:
    old = server(deployment(image="vllm/vllm-openai:v0.8.5"))["args"]
    new = server(deployment())["args"]
    assert not [word for word in old if "shutdown-timeout" in word]
    assert [word for word in new if "shutdown-timeout" in word]


def test_the_namespace_goes_into_every_object_that_has_none() -> None:
    for kind in KINDS:
        for item in render_order(Order(kind, Asked(name="llm", namespace="prod"))):
            scoped = item["metadata"].get("namespace")
            assert scoped or item["kind"] in ("ClusterRole", "ClusterRoleBinding", "NodePool"), item


@pytest.mark.parametrize(
    ("card", "overlays", "selector"),
    [
        ("L4", (), {"nvidia.com/gpu.product": "NVIDIA-L4"}),
        ("H100", ("gke",), {"cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}),
        ("A10G", ("eks",), {"karpenter.k8s.aws/instance-gpu-name": "a10g"}),
        ("A10G", ("aks", "spot"), {"kubernetes.azure.com/accelerator": "nvidia"}),
    ],
)
def test_a_card_is_chosen_by_the_platforms_label(card: str, overlays: tuple[str, ...], selector: Manifest) -> None:
    order = Order("deploy", Asked(), card, overlays=overlays)
    item = next(item for item in render_order(order) if item["kind"] == "Deployment")
    assert item["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"} | selector


def test_a_mig_instance_is_asked_for_by_its_resource() -> None:
    item = next(item for item in render_order(Order("deploy", Asked(), "H100-1g.20gb")) if item["kind"] == "Deployment")
    assert server(item)["resources"]["limits"].keys() == {"memory", "nvidia.com/mig-1g.20gb"}
    assert item["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}


def test_a_parameter_of_the_users_wins() -> None:
    values = library_values(Asked(parameters={"token_secret": "mine", "startup_failures": "500"}))
    assert (values["token_secret"], values["startup_failures"]) == ("mine", 500)


@pytest.mark.parametrize(
    "order",
    [
        Order("deployment", Asked()),
        Order("deploy", Asked(), "RTX-9090"),
        Order("deploy", Asked(), overlays=("nope",)),
        Order("keda", Asked(), overlays=("gke",)),
        Order("deploy", Asked(tensor_parallel_size=2), overlays=("mig",)),
        Order("deploy", Asked(tensor_parallel_size=2), "H100-1g.20gb"),
        Order("multi-node", Asked(image="vllm/vllm-openai:v0.8.5")),
        Order("deploy", Asked(name="Not A Name")),
        Order("deploy", Asked(parameters={"nope": "1"})),
        Order("hpa", Asked(), without=("HorizontalPodAutoscaler",)),
    ],
)
def test_what_cannot_be_rendered_is_refused_with_what_can(order: Order) -> None:
    with pytest.raises(UsageError) as caught:
        render_order(order)
    assert caught.value.hint


def test_a_kind_can_be_left_out() -> None:
    found = {item["kind"] for item in render_order(Order("deploy", Asked(), without=("podmonitor",)))}
    assert "PodMonitor" not in found
    assert "Deployment" in found


@pytest.mark.parametrize(
    ("line", "value", "filled"),
    [
        ("a: 1 # vops: ${x}", 2, "a: 2"),
        ('a: "1" # vops: ${x}', 2, 'a: "2"'),
        ("- --flag=1 # vops: --flag=${x}", 2, '- "--flag=2"'),
        ("a: b # vops: ${x}", 'say "hi": #1', 'a: "say \\"hi\\": #1"'),
        ("- a # vops: ${x}", None, ""),
        ("a: 1 # vops: allow rule a reason", 2, "a: 1 # vops: allow rule a reason"),
        ("a: 1 # a remark", 2, "a: 1 # a remark"),
    ],
)
def test_a_marked_value_is_replaced_in_its_own_kind(line: str, value: str | int | None, filled: str) -> None:
    assert fill(line, {"x": value}, "f.yaml") == filled


def test_a_parameter_that_there_is_not_is_named_with_its_line() -> None:
    with pytest.raises(InputError, match=r"f.yaml:2: .*'y'"):
        fill("a: 1\nb: 1 # vops: ${y}", {}, "f.yaml")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen/Qwen3-8B", "qwen3-8b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3-1-8b-instruct"),
        ("01-ai/34B", "llm-34b"),
    ],
)
def test_a_workload_is_named_after_its_model(model: str, name: str) -> None:
    assert slug(model) == name


def test_overlays_say_what_they_are_for() -> None:
    assert len(OVERLAYS) >= 15
    assert all(LIBRARY[f"overlays/{name}/kustomization.yaml"].startswith("# ") for name in OVERLAYS)


SIZED = Order("deploy", Asked(model="meta-llama/Meta-Llama-3-70B", tensor_parallel_size=4), "H100", config=CONFIG)


def test_sizing_gives_the_numbers_when_there_is_a_configuration() -> None:
    item = next(item for item in render_order(SIZED) if item["kind"] == "Deployment")
    budget_s = server(item)["startupProbe"]["failureThreshold"] * 10
    assert budget_s > 141e9 / 100e6  # the weights alone at 100 MB/s
    assert item["spec"]["progressDeadlineSeconds"] > budget_s
    assert lint(read_documents(as_yaml(render_order(SIZED)), "rendered")).findings == ()


def test_what_cannot_fit_is_not_rendered() -> None:
    with pytest.raises(Refused, match="does not fit L4 × 2"):
        render_order(Order("deploy", Asked(model="x/y", tensor_parallel_size=2), "L4", config=CONFIG))


def test_a_configuration_needs_a_card() -> None:
    with pytest.raises(UsageError, match="--config needs a card"):
        render_order(Order("deploy", Asked(), config=CONFIG))
