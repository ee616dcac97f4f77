"""A wait ends as soon as what it waits for has failed, long before its time is up, and tells the cause."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.broken import NAME, server
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.operators import GROUPS, RUNTIME, SERVICE
from tests.lab.runbook_cases import CASES, MODEL
from tests.lab.test_fix_five import carried_out
from vops.lab.documents import Change, Document
from vops.lab.world import Lab
from vops.operations.running.run import RunResult, plan_run

TOO_LARGE = "Qwen/Qwen3-14B"
"""Its weights do not fit onto the one L4 of a node."""


def made_by_an_operator(lab: Lab, kind: tuple[str, str], labels: dict[str, str], **more: Any) -> None:
    """Has the lab serve `kind` and make a Deployment of a server, with `labels` on its pods, for each object."""
    lab.store.catalog.custom(*kind, namespaced=True)

    def make() -> None:
        lab.store.create(labelled(server(**more), labels))

    def notice(change: Change) -> None:
        if change.document["kind"] == kind[1] and lab.store.find("apps/v1", "Deployment", NAMESPACE, NAME) is None:
            lab.world.after(5, make)

    lab.store.subscribe(notice)


def labelled(deployment: Document, labels: dict[str, str]) -> Document:
    deployment["spec"]["template"]["metadata"]["labels"] |= labels
    return deployment


async def ended(lab: Lab, folder: Path, runbook: str, **params: Any) -> tuple[RunResult, float]:
    """How a run ended, and after how many seconds."""
    async with session_on(lab, folder) as session:
        plan = await plan_run(session, runbook, {"namespace": NAMESPACE, **params})
        began = lab.clock.monotonic()
        result = await carried_out(session, plan, Person())
        return result, lab.clock.monotonic() - began


KSERVE = {"serving.kserve.io/inferenceservice": "new"}
GROUP = {"leaderworkerset.sigs.k8s.io/name": "new"}


@pytest.mark.parametrize(
    ("runbook", "kind", "labels"), [("kserve-deploy", SERVICE, KSERVE), ("multi-node", GROUPS, GROUP)]
)
async def test_a_server_that_crashes_ends_the_wait_with_its_cause(
    start_lab: StartLab, tmp_path: Path, runbook: str, kind: tuple[str, str], labels: dict[str, str]
) -> None:
    lab = await start_lab("gated-model")
    lab.store.catalog.custom(*RUNTIME, namespaced=True)
    made_by_an_operator(lab, kind, labels, model=TOO_LARGE)
    result, seconds = await ended(lab, tmp_path, runbook, **MODEL)
    assert "cuda-oom-weights" in str(result.error)
    assert "vops diagnose llm-" in getattr(result.error, "hint", "")
    assert seconds < 1200


@pytest.mark.parametrize(
    ("runbook", "kind", "labels"), [("kserve-deploy", SERVICE, KSERVE), ("multi-node", GROUPS, GROUP)]
)
async def test_a_pod_that_no_node_takes_is_waited_for_as_long_as_a_node_may_take(
    start_lab: StartLab, tmp_path: Path, runbook: str, kind: tuple[str, str], labels: dict[str, str]
) -> None:
    lab = await start_lab("gated-model")
    lab.store.catalog.custom(*RUNTIME, namespaced=True)
    made_by_an_operator(lab, kind, labels, gpus=4)
    result, seconds = await ended(lab, tmp_path, runbook, **MODEL, node_timeout="8m")
    assert "Insufficient nvidia.com/gpu" in str(result.error)
    assert 480 <= seconds < 600


async def test_a_specification_that_kserve_refuses_ends_the_wait_in_its_words(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("gated-model")
    lab.store.catalog.custom(*RUNTIME, namespaced=True)
    lab.store.catalog.custom(*SERVICE, namespaced=True)
    failure = {"reason": "NoSupportingRuntime", "message": "No runtime found to support specified framework/version"}
    status = {"modelStatus": {"transitionStatus": "InvalidSpec", "lastFailureInfo": failure}}
    refuse_once(lab, SERVICE[1], status)
    result, seconds = await ended(lab, tmp_path, "kserve-deploy", **MODEL)
    assert "NoSupportingRuntime: No runtime found to support" in str(result.error)
    assert seconds < 60


def refuse_once(lab: Lab, kind: str, status: Document) -> None:
    def refuse(document: Document) -> None:
        lab.store.update_status({**copy.deepcopy(document), "status": status})

    def notice(change: Change) -> None:
        if change.document["kind"] == kind and "status" not in change.document:
            lab.world.after(5, lambda: refuse(change.document))

    lab.store.subscribe(notice)


async def test_a_group_that_is_made_anew_again_and_again_ends_the_wait(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("gated-model")
    lab.store.catalog.custom(*GROUPS, namespaced=True)
    lab.store.subscribe(a_group_that_restarts(lab))
    result, seconds = await ended(lab, tmp_path, "multi-node", **MODEL)
    assert "new-0 was made anew again and again" in str(result.error)
    assert seconds < 600


def a_group_that_restarts(lab: Lab) -> Callable[[Change], None]:
    """As LeaderWorkerSet does on a restart: the pod is deleted, and made anew under its name."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "new-0", "namespace": NAMESPACE, "labels": GROUP},
        "spec": server()["spec"]["template"]["spec"],
    }

    def again() -> None:
        if lab.store.find("v1", "Pod", NAMESPACE, "new-0") is not None:
            lab.store.delete("v1", "Pod", NAMESPACE, "new-0", grace_period_s=0)
        lab.store.create(copy.deepcopy(pod))
        lab.world.after(60, again)

    def notice(change: Change) -> None:
        if change.document["kind"] == GROUPS[1] and lab.store.find("v1", "Pod", NAMESPACE, "new-0") is None:
            again()

    return notice


@pytest.mark.parametrize(
    ("image", "cause"),
    [("vllm/vllm-openai:v0.99.9", "image-not-found"), ("vllm/vllm-openai@sha256:0000", "image-not-found")],
)
async def test_an_image_that_cannot_be_had_costs_one_pod_and_is_taken_back(
    start_lab: StartLab, tmp_path: Path, image: str, cause: str
) -> None:
    case = CASES["upgrade-image"]
    lab = await start_lab(case.scenario)
    result, seconds = await ended(lab, tmp_path, "upgrade-image", **{**case.params, "image": image})
    assert cause in str(result.error)
    assert seconds < 600
    deployment = lab.store.get("apps/v1", "Deployment", NAMESPACE, "qwen3-4b")
    assert not deployment["spec"].get("paused")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "vllm/vllm-openai:v0.25.1"
    assert deployment["status"]["readyReplicas"] == 1
