"""What nobody named is told of in words, and stands as a word to replace in commands; a name that is there is used."""

from __future__ import annotations

import re

import pytest

from vops.diagnosis.findings import Report
from vops.operations.intake.bundle import diagnose_bundle

REFUSED = """\
Status:              Failed
Reason:            UnexpectedAdmissionError
Message:         Pod Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested:1, \
Available: 0, which is unexpected
"""
LOST = (
    "UnexpectedAdmissionError: Pod Allocate failed due to device plugin GetPreferredAllocation rpc failed with err: "
    "rpc error: code = Unknown desc = Unable to retrieve list of available devices: error creating nvml.Device 3: "
    "nvml: GPU is lost, which is unexpected"
)
DISK = """\
Events:
  Type     Reason                Age                  From     Message
  ----     ------                ----                 ----     -------
  Warning  FreeDiskSpaceFailed   59m                  kubelet  Failed to garbage collect required amount of images. \
Attempted to free 4783028633 bytes, but only found 0 bytes eligible to free.
  Warning  ImageGCFailed         49m                  kubelet  Failed to garbage collect required amount of images. \
Attempted to free 5780834713 bytes, but only found 0 bytes eligible to free.
"""
GATEWAY = (
    "When I port-forward and call the API of our vLLM servers, Envoy says no healthy upstream.\n\nno healthy upstream"
)
RENAMED = """\
# Update Grafana dashboards to current vLLM metric names

As a result, several panels showed **No data** on current vLLM versions.

| Old metric | New metric |
| --- | --- |
| `vllm:time_per_output_token_seconds_{sum,count,bucket}` | `vllm:request_time_per_output_token_seconds_bucket` |
| `vllm:gpu_cache_usage_perc` | `vllm:kv_cache_usage_perc` |
"""
QUOTA = (
    "launching nodeclaim, creating instance, with fleet error(s), VcpuLimitExceeded: You have requested more vCPU "
    "capacity than your current vCPU limit of 0 allows for the instance bucket that the specified instance type "
    "belongs to."
)
ROWS = """\
$ kubectl get pods -o wide | grep replicaset
gpu-replicaset-bw4gf    1/1     Running               0          2h    10.2.2.9      controller-1.example   <none>
gpu-replicaset-bxbc2    0/1     OutOfnvidia.com/gpu   0          2h    <none>        controller-2.example   <none>
"""


def told(report: Report) -> str:
    fixes = [fix for item in report.findings for fix in item.fixes]
    said = [report.summary, *(item.summary for item in report.findings), *(fix.title for fix in fixes)]
    return "\n".join([*said, *(step for fix in fixes for step in fix.steps)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (REFUSED, "The node refused the pod: 1 GPU(s) asked for, 0 to be had"),
        (REFUSED, "kubectl -n NAMESPACE delete pod POD"),
        (REFUSED, "If it repeats on the node: kubectl cordon NODE, and look"),
        (LOST, "A GPU of the node does not answer its driver any more"),
        (DISK, "The disk of the node is nearly full"),
        (DISK, "Free space on the node"),
        (DISK, "kubectl describe node NODE (DiskPressure"),
        (DISK, "Until then: kubectl cordon NODE."),
        (QUOTA, "which is 0, forbids the node that the pod waits for"),
    ],
)
def test_no_stand_in_is_spoken_of_as_a_name(text: str, expected: str) -> None:
    report = diagnose_bundle([], text.encode())[0][0]
    assert expected in told(report)
    assert not re.search(r"\bunknown\b|pod pod\b|vops-unnamed|(?:cordon|node) pod\b", told(report))


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [(GATEWAY, "Pod", "unknown"), (REFUSED, "Pod", "failed"), (RENAMED, "ScaledObject", "unknown")],
)
def test_a_report_says_that_its_subject_was_not_named(text: str, kind: str, state: str) -> None:
    """And of a pod that nobody saw, that its state is not known: ready is what stands behind a gateway that fails."""
    report = diagnose_bundle([], text.encode())[0][0]
    assert (report.subject.kind, report.subject.name, report.state) == (kind, "(not named)", state)
    assert {item.subject.name for item in report.findings} == {"(not named)"}


def test_a_row_has_the_names_of_its_pod_and_node() -> None:
    (report,), _ = diagnose_bundle([], ROWS.encode())
    assert report.summary == "controller-2.example refused gpu-replicaset-bxbc2: OutOfnvidia.com/gpu"
    assert "kubectl -n NAMESPACE delete pod gpu-replicaset-bxbc2" in told(report)
    assert "kubectl cordon controller-2.example," in told(report)


JOURNAL = (
    'kubelet[1311]: E0505 18:42:19.812688 1311 pod_workers.go:949] "Error syncing pod, skipping" err="failed to '
    '"CreatePodSandbox\\" for \\"llama-0_llm(8e491f32)\\" with CreatePodSandboxError: rpc error: code = Unknown desc = '
    'failed to get sandbox runtime: no runtime for \\"nvidia\\" is configured" pod="{}" podUID=8e491f32\n'
)


def test_a_kubelets_line_has_the_name_of_its_pod() -> None:
    (report,), _ = diagnose_bundle([], JOURNAL.format("llm/llama-0").encode())
    assert (report.subject.name, report.subject.namespace) == ("llama-0", "llm")
    assert report.summary == "The sandbox of llama-0 cannot be made on the node: its node has no runtime nvidia"
