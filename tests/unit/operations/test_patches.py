"""The patch of a fix in reports for programs: planned on the object as it was read, and only where there was one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vops.operations.intake.bundle import diagnose_bundle
from vops.planning.patches import apply_operations

OWNER = {"kind": "Deployment", "name": "llama", "uid": "d-1", "controller": True}
KEY = "sk-" + "a1B2" * 8


def container(**more: Any) -> dict[str, Any]:
    resources = {"limits": {"memory": "8Gi", "nvidia.com/gpu": "1"}, "requests": {"memory": "8Gi"}}
    image = "vllm/vllm-openai:v0.9.1"
    return {"name": "vllm", "image": image, "args": ["--model", "org/llama"], "resources": resources, **more}


def deployment(**more: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "llama"}}, "spec": {"containers": [container(**more)]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "llama"}}, "template": template}
    meta = {"name": "llama", "namespace": "serving", "uid": "d-1"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec, "status": {"replicas": 1}}


def killed() -> dict[str, Any]:
    meta = {"name": "llama-1", "namespace": "serving", "uid": "p-1", "ownerReferences": [OWNER]}
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    status = {"name": "vllm", "restartCount": 3, "state": state, "lastState": ended}
    spec = {"nodeName": "gpu-1", "containers": [container()]}
    return {
        "kind": "Pod",
        "metadata": meta,
        "spec": spec,
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


def patch_of(*documents: dict[str, Any], patches: bool = True) -> tuple[dict[str, Any], ...]:
    body = json.dumps({"kind": "List", "items": list(documents)}).encode()
    reports, _ = diagnose_bundle([], body, patches=patches)
    return next(fix.patch for fix in reports[0].findings[0].fixes if fix.runbook)


def test_a_fix_of_an_object_in_the_bundle_has_its_patch() -> None:
    after = apply_operations(deployment(), patch_of(deployment(), killed()))
    resources = after["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == "13Gi"


@pytest.mark.parametrize("documents", [(killed(),)], ids=["the workload was not read"])
def test_without_the_object_there_is_none(documents: tuple[dict[str, Any], ...]) -> None:
    assert patch_of(*documents) == ()


def test_none_is_planned_unless_asked_for() -> None:
    assert patch_of(deployment(), killed(), patches=False) == ()


def test_no_patch_holds_a_token() -> None:
    documents = [deployment(args=["--api-key", KEY]), killed()]
    reports, _ = diagnose_bundle([], json.dumps({"kind": "List", "items": documents}).encode(), patches=True)
    assert KEY not in repr(reports)
