"""Every failing scenario shows its symptom at once, beside a healthy neighbour, and heals after the right change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import StartLab
from vops.lab.controllers.base import condition
from vops.lab.documents import Document, copy_of
from vops.lab.manifests import INFERENCE
from vops.lab.pods import PodLogs
from vops.lab.world import Lab

Change = Callable[[Document], None]


def _container(spec: Document) -> Document:
    found: Document = spec["template"]["spec"]["containers"][0]
    return found


def _tolerate(spec: Document) -> None:
    toleration = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    spec["template"]["spec"]["tolerations"] = [toleration]


def _roll_in_place(spec: Document) -> None:
    spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def _wait_for_the_start(spec: Document) -> None:
    _container(spec)["startupProbe"] = {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": 10,
        "failureThreshold": 30,
    }


def _use_the_mirror(spec: Document) -> None:
    _container(spec)["args"][0] = "NousResearch/Meta-Llama-3-8B-Instruct"


def _use_the_approved_token(spec: Document) -> None:
    _container(spec)["env"][0]["valueFrom"]["secretKeyRef"]["name"] = "hf-token-approved"


def _shorten(spec: Document) -> None:
    arguments = _container(spec)["args"]
    arguments[arguments.index("--max-model-len") + 1] = "24064"


@dataclass(frozen=True)
class Cure:
    scenario: str
    sick: str
    change: Change
    healthy: str = "qwen3-4b"


CURES = (
    Cure("untolerated-taint", "llama3-8b", _tolerate),
    Cure("rollout-deadlock", "llama3-8b", _roll_in_place, healthy="qwen3-14b"),
    Cure("probe-kill", "llama3-8b", _wait_for_the_start),
    Cure("gated-model", "llama3-8b", _use_the_mirror),
    Cure("gated-model", "llama3-8b", _use_the_approved_token),
    Cure("kv-cache-too-small", "qwen3-8b", _shorten),
)
_ONCE = {cure.scenario: cure for cure in CURES}.values()


def _deployment(lab: Lab, name: str) -> Document:
    return lab.store.get("apps/v1", "Deployment", INFERENCE, name)


def _pods(lab: Lab, name: str) -> list[Document]:
    return [pod for pod in lab.store.list("v1", "Pod", INFERENCE) if pod["metadata"]["name"].startswith(name)]


def _serves(lab: Lab, name: str) -> bool:
    status = _deployment(lab, name)["status"]
    counts = {status.get(count, 0) for count in ("replicas", "updatedReplicas", "readyReplicas")}
    return counts == {1} and status["observedGeneration"] == _deployment(lab, name)["metadata"]["generation"]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("cure", CURES, ids=lambda cure: f"{cure.scenario}-{cure.change.__name__.strip('_')}")
async def test_the_right_change_heals_it(start_lab: StartLab, cure: Cure, seed: int) -> None:
    lab = await start_lab(cure.scenario, seed=seed)
    assert _serves(lab, cure.healthy)
    assert not _serves(lab, cure.sick)
    changed = copy_of(_deployment(lab, cure.sick))
    cure.change(changed["spec"])
    lab.store.update(changed)
    await lab.advance(110)
    assert _serves(lab, cure.sick)
    assert _serves(lab, cure.healthy)


@pytest.mark.parametrize("cure", _ONCE, ids=lambda cure: cure.scenario)
async def test_without_a_change_it_stays_as_it_is(start_lab: StartLab, cure: Cure) -> None:
    lab = await start_lab(cure.scenario)
    for _ in range(20):
        await lab.advance(45)
        assert not _serves(lab, cure.sick)
        assert _serves(lab, cure.healthy)


async def test_an_untolerated_taint_is_told_beside_the_nodes_without_cards(start_lab: StartLab) -> None:
    lab = await start_lab("untolerated-taint")
    (pod,) = _pods(lab, "llama3-8b")
    scheduled = condition(pod, "PodScheduled")
    assert scheduled is not None
    assert scheduled["message"] == (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient nvidia.com/gpu. "
        "no new claims to deallocate, preemption: 0/3 nodes are available: "
        "3 Preemption is not helpful for scheduling."
    )


async def test_a_rollout_deadlock_has_an_old_pod_that_serves_and_a_new_one_that_waits(start_lab: StartLab) -> None:
    lab = await start_lab("rollout-deadlock")
    states = sorted((pod["status"]["phase"], pod["spec"].get("nodeName", "")) for pod in _pods(lab, "llama3-8b"))
    assert states == [("Pending", ""), ("Running", "gpu-l4-1")]


@pytest.mark.parametrize(
    ("scenario", "exit_code", "has", "lacks"),
    [
        ("probe-kill", 137, "Loading safetensors checkpoint shards", "Error"),
        ("gated-model", 1, "is restricted and you are not in the authorized list", "Application startup complete"),
        ("kv-cache-too-small", 1, "the estimated maximum model length is 24", "Application startup complete"),
    ],
)
async def test_a_crash_loop_has_restarts_an_exit_code_and_a_log(
    start_lab: StartLab, scenario: str, exit_code: int, has: str, lacks: str
) -> None:
    lab = await start_lab(scenario)
    cure = next(cure for cure in CURES if cure.scenario == scenario)
    (pod,) = _pods(lab, cure.sick)
    status: dict[str, Any] = pod["status"]["containerStatuses"][0]
    assert status["restartCount"] >= 4
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == exit_code
    lines = PodLogs(lab.world).read(INFERENCE, pod["metadata"]["name"], "vllm", previous=True)
    text = "\n".join(line.text for line in lines)
    assert has in text
    assert lacks not in text
