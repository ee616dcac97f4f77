"""Host memory: which deaths count as a kill for want of it, whose fault it is, and how much would be enough."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_capacity import LOADING, VICTIM, about, on_node, out_of_memory
from tests.unit.diagnosis.cluster_parts import (
    GPU,
    HEALTH,
    crashed,
    event,
    first_finding,
    log_text,
    node,
    pod,
    the_replica,
    world,
)
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence

AT_INIT = "runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?)"

SERVED = log_text("size-l8-045.log")


def causes(facts: Facts) -> list[str]:
    return [item.cause for item in diagnose(facts, the_replica(facts).ref).findings]


def killed(*events: Any, log: str = LOADING, limit: str = "16Gi", **more: Any) -> Facts:
    """A container that ended with exit code 137, and nobody says why."""
    container = {"resources": {"limits": {GPU: "1", "memory": limit} if limit else {GPU: "1"}}}
    container |= more.pop("container", {})
    return world(pod(status=crashed(137, ran_s=40), container=container, **more), node(), *events, log=log)


def test_a_kill_that_the_runtime_missed_is_probably_one() -> None:
    found = first_finding(killed())
    assert (found.cause, found.confidence) == ("host-oom", Confidence.PROBABLE)
    assert "probably" in found.summary


def test_the_nodes_word_makes_it_strong() -> None:
    facts = killed(on_node("OOMKilling", "Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB"))
    assert (first_finding(facts).cause, first_finding(facts).confidence) == ("host-oom", Confidence.STRONG)


STOPPED = LOADING + "\nKeyboardInterrupt: terminated\n"


@pytest.mark.parametrize(
    "facts",
    [
        killed(limit=""),
        killed(log=STOPPED),
        killed(event("Killing", "Stopping container vllm")),
        killed(log=SERVED, container={"livenessProbe": HEALTH}),
        killed(container={"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 4}}),
        killed(metadata={"name": "llama-1", "namespace": "serving", "deletionTimestamp": "2026-11-24T02:59:00Z"}),
    ],
    ids=["no-limit", "asked-to-stop", "kubelet-killed", "liveness", "startup", "deleted"],
)
def test_a_signal_that_something_else_explains_is_none(facts: Facts) -> None:
    assert "host-oom" not in causes(facts)


@pytest.mark.parametrize(
    ("case", "found"),
    [
        (out_of_memory(limit="64Gi", shm="2Gi"), ["host-oom"]),
        (out_of_memory(limit="16Gi", shm="16Gi"), ["tmpfs-charged", "host-oom"]),
        # 15 GiB of weights and a buffer fit 30 GiB, and not beside 10 GiB of tmpfs
        (out_of_memory(limit="30Gi", shm="10Gi"), ["tmpfs-charged", "host-oom"]),
        (out_of_memory(limit="16Gi"), ["host-oom"]),
        (out_of_memory(limit="16Gi", shm="1Gi", shm_at="/root/.cache/huggingface"), ["tmpfs-charged", "host-oom"]),
        # what an instance left in memory keeps the next one from starting
        (out_of_memory(limit="16Gi", shm="16Gi", reason="StartError", message=AT_INIT), ["tmpfs-charged"]),
        (out_of_memory(limit="16Gi", shm="1Gi", reason="StartError", message=AT_INIT), ["host-oom"]),
        (out_of_memory(on_node("SystemOOM", VICTIM), limit="", shm="1Gi"), ["node-oom", "host-oom"]),
        (
            out_of_memory(on_node("SystemOOM", VICTIM.replace("VLLM::EngineCor", "mysqld")), limit="64Gi", shm="1Gi"),
            ["host-oom"],
        ),
        (
            out_of_memory(
                about("Node", "gpu-2", "SystemOOM", VICTIM),
                limit="64Gi",
                shm="1Gi",
            ),
            ["host-oom"],
        ),
    ],
)
def test_who_filled_the_memory(case: Any, found: list[str]) -> None:
    assert causes(case()) == found


def test_the_limit_has_room_for_weights_volumes_and_offload() -> None:
    # 1.25 × (14.99 GiB of weights + 10 GiB + 2 GiB in /dev/shm + 20 GiB of LMCache)
    lmcache = [{"name": "LMCACHE_MAX_LOCAL_CPU_SIZE", "value": "20"}]
    container = {
        "env": lmcache,
        "resources": {"limits": {GPU: "1", "memory": "16Gi"}},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    volume = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}
    large = node(allocatable={"memory": "200Gi"})
    status = crashed(137, reason="OOMKilled")
    found = first_finding(world(pod(status=status, container=container, volumes=[volume]), large, log=LOADING))
    assert "limits.memory of vllm to 59Gi" in found.fixes[0].steps[1]


def test_a_limit_that_the_node_does_not_have_is_not_proposed() -> None:
    found = first_finding(out_of_memory(limit="60Gi", shm="1Gi")())
    assert "It needs about 75Gi, and gpu-1 has 64Gi for pods" in found.fixes[0].steps[1]


def test_a_tmpfs_gets_a_size_and_the_limit_room_for_it() -> None:
    steps = first_finding(out_of_memory(limit="16Gi", shm="16Gi")()).fixes[0].steps
    assert "sizeLimit of volume shm to 2Gi" in steps[1]
    assert "limits.memory of vllm to 34Gi" in steps[2]


def test_a_process_that_ended_by_signal_9_is_a_kill_for_memory() -> None:
    lost = "ERROR 11-24 02:59:00 [multiproc_executor.py:230] Worker proc VllmWorker-0 died unexpectedly, exit code: -9"
    log = f"{LOADING}\n{lost}\nRuntimeError: Engine core initialization failed. See root cause above.\n"
    facts = world(pod(status=crashed(1)), node(), log=log)
    assert causes(facts)[0] == "host-oom"


def test_a_process_that_the_server_killed_after_an_error_is_none() -> None:
    error = (
        'Traceback (most recent call last):\n  File "w.py", line 1, in f\n'
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
        "22.00 GiB of which 1.00 GiB is free. Including non-PyTorch memory, this process has 20.90 GiB memory in use."
    )
    lost = "ERROR 11-24 02:59:00 [multiproc_executor.py:230] Worker proc VllmWorker-1 died unexpectedly, exit code: -9"
    facts = world(pod(status=crashed(1)), node(), log=f"{LOADING}\n{error}\n{lost}\n")
    assert "host-oom" not in causes(facts)
