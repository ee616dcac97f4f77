"""A rollout by the rows of a table, and amounts beside a refusal: what is read of them, and what is left alone."""

from __future__ import annotations

import pytest

from vops.operations.printed.amounts_around import around_a_refusal
from vops.operations.printed.describe_events import Told
from vops.operations.printed.rollout_rows import rollouts

SHORT = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
OLD = "vllm-59c6d8b7f4-bk2lm   1/1     Running   0          9d"
NEW = "vllm-7f8b5c6d9c-m4xpt   0/1     Pending   0          22m"


def _refused(message: str = SHORT, name: str = "") -> Told:
    return Told("Warning", "FailedScheduling", message, "default-scheduler", about={"kind": "Pod", "name": name})


def test_the_pending_pod_of_two_revisions_is_whom_the_refusal_is_about() -> None:
    found, told = rollouts(f"{OLD}\n{NEW}", [_refused()], [])
    assert [item["kind"] for item in found] == ["Pod", "Pod", "Deployment"]
    assert told[0].about["name"] == "vllm-7f8b5c6d9c-m4xpt"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (f"{OLD}\n{NEW.replace('7f8b5c6d9c', '59c6d8b7f4')}", _refused()),  # another replica of one revision
        (f"{OLD}\n{NEW}", _refused("0/1 nodes are available: 1 Insufficient cpu.")),
        (f"{OLD}\n{NEW}", _refused(name="other-0")),
        (OLD.replace("1/1", "0/1") + f"\n{NEW}", _refused()),  # the old one does not serve
    ],
)
def test_other_rows_and_refusals_are_no_rollout(rows: str, told: Told) -> None:
    assert rollouts(rows, [told], []) == ([], [told])


@pytest.mark.parametrize(
    "text",
    [
        "Allocatable:\n  cpu: 8\n  nvidia.com/gpu:  4\n  pods: 110\n",
        "NAME   GPU\na      4\n",
        "The node has a single card (`nvidia.com/gpu: 4` in allocatable)",
        '{\n  "cpu": "8",\n  "memory": "9Gi",\n  "nvidia.com/gpu": "4",\n  "pods": "110"\n}',
    ],
)
def test_what_a_node_offers_is_read_beside_a_refusal(text: str) -> None:
    node, pod = around_a_refusal(text, SHORT)
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_amounts_without_a_refusal_are_left_alone() -> None:
    assert list(around_a_refusal("Allocatable:\n  nvidia.com/gpu:  4\n", "")) == []
