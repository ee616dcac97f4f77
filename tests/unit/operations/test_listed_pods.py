"""Each word that kubectl has in the column STATUS of `kubectl get pods`, and what it tells by itself."""

from __future__ import annotations

import pytest

from tests.unit.operations.test_kubernetes_words import first_causes

TOLD = {
    "Evicted": "evicted",
    "OOMKilled": "host-oom",
    "ImagePullBackOff": "image-not-found",
    "ErrImagePull": "image-not-found",
    "ErrImageNeverPull": "image-not-found",
    "InvalidImageName": "image-not-found",
    "RegistryUnavailable": "registry-unreachable",
    "CreateContainerConfigError": "missing-config",
    "CreateContainerError": "sandbox-failed",
    "RunContainerError": "bad-entrypoint",
    "StartError": "bad-entrypoint",
    "PostStartHookError": "post-start-hook-failed",
    "ContainerStatusUnknown": "node-lost",
    "Unknown": "node-lost",
    "NodeLost": "node-lost",
    "Terminated": "node-lost",
    "NodeShutdown": "node-lost",
    "Preempting": "preempted",
    "UnexpectedAdmissionError": "device-allocation-failed",
    "TopologyAffinityError": "device-allocation-failed",
    "OutOfnvidia.com/gpu": "device-allocation-failed",
    "OutOfcpu": "cpu-memory-short",
    "OutOfmemory": "cpu-memory-short",
    "NodeAffinity": "node-selector-mismatch",
    "SysctlForbidden": "admission-denied",
    "SchedulingGated": "scheduling-gated",
    "Init:CrashLoopBackOff": "init-container-failed",
    "Init:OOMKilled": "host-oom",
    "Init:ImagePullBackOff": "image-not-found",
}
SILENT = ("Running", "Pending", "ContainerCreating", "PodInitializing", "Init:0/1", "Terminating", "Completed")
HEADER = "NAME                   READY   STATUS    RESTARTS   AGE"
OTHERS = """\
NAME                    READY   UP-TO-DATE   AVAILABLE   AGE
deployment.apps/llama   1/1     1            1           14m
"""
ROW = "llama-7d9c4b8f6-x2x9z   0/1     {}   {}          14m"


def forms(status: str) -> list[str]:
    row, again = ROW.format(status, 0), ROW.format(status, "4 (31s ago)")
    wide = "   <none>   gpu-node-1   <none>   <none>"
    return [
        f"{HEADER}\n{row}\n",
        f"{HEADER}   IP   NODE   NOMINATED NODE   READINESS GATES\n{row}{wide}\n",
        f"NAMESPACE   {HEADER}\ndefault     {row}\n",
        f"{row}\n",
        f"$ kubectl get pods\n{HEADER}\nllama-router-65b-abcde   1/1   Running   0   5d\n{again}\n",
        f"NAME                       READY   STATUS    RESTARTS   AGE\npod/{row}\n\n{OTHERS}",
        f"Our server does not start:\n\n{HEADER}\n{row}\n\nWhat can we do?\n",
    ]


@pytest.mark.parametrize("status", sorted(TOLD))
def test_a_status_that_is_a_reason_is_read(status: str) -> None:
    assert [first_causes(text)[:1] for text in forms(status)] == [[TOLD[status]]] * 7


@pytest.mark.parametrize("status", SILENT)
def test_a_status_of_every_day_says_nothing(status: str) -> None:
    assert [first_causes(text) for text in forms(status)] == [[]] * 7
