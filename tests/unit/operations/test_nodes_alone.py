"""Nodes, NodeClaims and their events without a pod: what they keep from running is told, and nothing where all is "
"well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vops.operations.intake.bundle import diagnose_bundle

CLAIM = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodeClaim",
    "metadata": {"name": "gpu-x", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"resources": {"requests": {"nvidia.com/gpu": "1"}}},
}


def causes(*documents: dict[str, Any]) -> list[str]:
    reports, _ = diagnose_bundle([], json.dumps({"kind": "List", "apiVersion": "v1", "items": documents}).encode())
    return [finding.cause for report in reports for finding in report.findings]


def node(*, ready: str = "True", gpus: str = "1", offers: str = "", pressure: str = "False") -> dict[str, Any]:
    has = {"cpu": "16"} | ({"nvidia.com/gpu": gpus} if gpus != "0" else {})
    conditions = [{"type": "Ready", "status": ready}, {"type": "DiskPressure", "status": pressure}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "gpu-1", "labels": {"nvidia.com/gpu.present": "true"}},
        "status": {
            "capacity": has,
            "allocatable": has | ({"nvidia.com/gpu": offers} if offers else {}),
            "conditions": conditions,
        },
    }


def claimed(initialized: str) -> dict[str, Any]:
    said = "ResourceNotRegistered" if initialized == "Unknown" else "Initialized"
    at = "2026-01-01T00:00:30Z"
    conditions = [
        {"type": "Registered", "status": "True", "lastTransitionTime": at},
        {"type": "Initialized", "status": initialized, "reason": said, "message": 'Resource "nvidia.com/gpu" was'},
    ]
    return {**CLAIM, "status": {"nodeName": "n", "conditions": conditions}}


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (node(ready="Unknown"), "node-lost"),
        (node(gpus="0"), "gpu-not-advertised"),
        (node(gpus="4", offers="0"), "gpu-not-advertised"),
        (claimed("Unknown"), "gpu-not-advertised"),
    ],
)
def test_what_is_wrong_with_a_node_alone_is_told(document: dict[str, Any], cause: str) -> None:
    assert causes(document)[:1] == [cause]


def test_a_pod_asks_for_a_gpu_where_a_node_says_that_it_has_none() -> None:
    """A kubelet goes on to say `nvidia.com/gpu: 0` of what a device plugin has offered that is gone."""
    has = {"cpu": "4", "nvidia.com/gpu": "0"}
    assert causes(node(gpus="0") | {"status": {"capacity": has, "allocatable": has}}) == ["gpu-not-advertised"]


@pytest.mark.parametrize("document", [node(), claimed("True"), {**CLAIM}])
def test_a_node_on_which_nothing_is_wrong_gives_no_finding(document: dict[str, Any]) -> None:
    assert causes(document) == []


def test_a_row_of_conditions_is_read_as_a_node() -> None:
    row = "  Ready   Unknown   Tue, 17 Sep 2024 16:15:10 -0500   Tue, 17 Sep 2024 16:18:13 -0500   NodeStatusUnknown\n"
    reports, _ = diagnose_bundle([], row.encode())
    assert reports[0].findings[0].cause == "node-lost"
