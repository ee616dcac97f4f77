"""Seeding as a fix: offered with everything filled in where a runbook could do it, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import (
    NAMESPACE,
    crashed,
    deployment,
    first_finding,
    log_text,
    node,
    pod,
    replicaset,
    world,
)
from vops.diagnosis.findings import Finding
from vops.library import read_runbook_file
from vops.runbooks.params import bind
from vops.runbooks.schema import read_runbook

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "t"}}}
FOLDER = f"/models/Qwen--Qwen3-8B/{COMMIT}"
MOUNT = {"name": "models", "mountPath": "/models", "readOnly": True}
CLAIM = {"name": "models", "persistentVolumeClaim": {"claimName": "shared", "readOnly": True}}


def finding(log: str, model: str, *, owner: str = "llama", volume: dict[str, Any] | None = None) -> Finding:
    mounts = [MOUNT] if volume else []
    container = {"command": ["vllm", "serve", model], "env": [TOKEN], "volumeMounts": mounts}
    owned = (deployment(), replicaset()) if owner else ()
    replica = pod(owner=owner, status=crashed(), container=container, volumes=[volume] if volume else [])
    return first_finding(world(replica, node(), *owned, log=log_text(log)))


def test_a_limited_hub_is_asked_once_for_all_by_seeding() -> None:
    found = finding("fail-ratelimit.log", "Qwen/Qwen3-8B")
    fix = found.fixes[0]
    assert (found.cause, fix.runbook) == ("hub-rate-limit", "seed-model")
    assert fix.params == {
        "namespace": NAMESPACE,
        "model": "Qwen/Qwen3-8B",
        "claim": "llama-models",
        "consumer": "deployment/llama",
        "token": "hf/t",
    }


def test_what_was_seeded_and_is_damaged_is_proven_and_mended() -> None:
    found = finding("fail-truncated.log", FOLDER, volume=CLAIM)
    fix = found.fixes[0]
    assert (found.cause, fix.runbook) == ("corrupted-download", "seed-model")
    assert (fix.params["model"], fix.params["revision"]) == ("Qwen/Qwen3-8B", COMMIT)
    assert (fix.params["claim"], fix.params["recheck"]) == ("shared", "true")


@pytest.mark.parametrize(
    ("model", "owner", "volume"),
    [
        ("/data/llama", "llama", CLAIM),
        (FOLDER, "", CLAIM),
        (FOLDER, "llama", {"name": "models", "hostPath": {"path": "/models"}}),
        (FOLDER, "llama", None),
    ],
    ids=["a folder of another kind", "a bare pod", "a node's own folder", "the container's own files"],
)
def test_other_folders_are_left_to_people(model: str, owner: str, volume: dict[str, Any] | None) -> None:
    found = finding("fail-truncated.log", model, owner=owner, volume=volume)
    assert found.cause == "corrupted-download"
    assert [fix.runbook for fix in found.fixes] == [""]


@pytest.mark.parametrize(
    ("log", "model", "volume"), [("fail-ratelimit.log", "Qwen/Qwen3-8B", None), ("fail-truncated.log", FOLDER, CLAIM)]
)
def test_the_parameters_are_those_of_the_runbook(log: str, model: str, volume: dict[str, Any] | None) -> None:
    declared = read_runbook(*read_runbook_file("seed-model", {})).head.params
    assert bind(declared, finding(log, model, volume=volume).fixes[0].params)["claim"]
