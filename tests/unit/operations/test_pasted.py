"""What people paste: events without their objects, single sentences, parts of a description, fenced and quoted text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from vops.diagnosis.findings import Report
from vops.operations.intake.bundle import diagnose_bundle

SCHEDULER = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
PULL = 'Failed to pull image "org/vllm:v9": rpc error: code = NotFound desc = docker.io/org/vllm:v9: not found'
REFUSED = 'pods "llama-7d4b-" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: '
REFUSED += "requests.nvidia.com/gpu=4, limited: requests.nvidia.com/gpu=4"
STATE = """\
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
"""
STATUS = """\
containerStatuses:
- name: vllm
  image: vllm/vllm-openai:v0.9.1
  state: {waiting: {reason: CrashLoopBackOff}}
  lastState: {terminated: {exitCode: 137, reason: OOMKilled}}
"""
ERROR = "RuntimeError: No CUDA GPUs are available"
DESCRIBED = """\
Name:         llama-0
Namespace:    serving
Node:         gpu-1/10.0.0.1
Status:       Running
Containers:
  vllm:
    Image:  vllm/vllm-openai:v0.9.1
    State:  Waiting
      Reason:  CrashLoopBackOff
    Last State:  Terminated
      Reason:     Error
      Exit Code:  1
    Restart Count:  3
"""

PASTED = {
    "a row of a description": (f"  Warning  FailedScheduling  4m (x3 over 9m)  default-scheduler  {SCHEDULER}", "gpu"),
    "a row without its source": (f"Warning  FailedScheduling  <unknown>  {SCHEDULER}", "gpu"),
    "a row of a table": (f"4m  Warning  FailedScheduling  pod/llama-0  {SCHEDULER}", "gpu"),
    "the scheduler's sentence": (SCHEDULER, "gpu"),
    "a sentence that was wrapped": (
        "Events:\nWarning FailedScheduling default-scheduler 0/3 nodes are available:\n3 Insufficient nvidia.com/gpu.",
        "gpu",
    ),
    "a frame of k9s": (
        "│  Warning  FailedScheduling  4m  default-scheduler  0/3 nodes are available: 3 Insuffic │\n"
        "│ ient nvidia.com/gpu.                                                                   │\n",
        "gpu",
    ),
    "an end of a container without its state": (STATE[STATE.index("    Last") :], "host-oom"),
    "fields of a status in JSON": (
        '  "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},\n  "restartCount": 5,\n}',
        "host-oom",
    ),
    "a cloud's answer": (
        "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient "
        "p5.48xlarge capacity. Launching EC2 instance failed.",
        "gpu-stockout",
    ),
    "a cloud's answer in JSON": (
        '"error": {"code": "QuotaExceeded", "message": "exceeding approved Total Regional Cores quota"}',
        "cloud-quota",
    ),
    "a table with a reason in it": ("llama-0   0/1   Evicted   0   3h   <none>\n", "evicted"),
    "what KServe keeps of a failure": (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: llama}\nstatus:\n"
        "  modelStatus:\n    lastFailureInfo:\n      exitCode: 1\n      message: |\n"
        '        Traceback (most recent call last):\n          File "a.py", line 1, in <module>\n'
        f"        {ERROR}\n",
        "no-cuda-visible",
    ),
    "what KServe keeps of a failure, described": (
        "Name:         llama\nNamespace:    ml\nAPI Version:  serving.kserve.io/v1beta1\n"
        "Kind:         InferenceService\nStatus:\n  Model Status:\n    Last Failure Info:\n      Exit Code:  1\n"
        f"      Message:    {ERROR}\n      Reason:     ModelLoadFailed\n",
        "no-cuda-visible",
    ),
    "what Knative quotes of a container": (
        "apiVersion: serving.knative.dev/v1\nkind: Revision\nmetadata: {name: llama, namespace: 7}\nstatus:\n"
        "  conditions:\n  - type: Ready\n    status: 'False'\n    reason: ExitCode1\n"
        f"    message: 'Container failed with: {ERROR}'\n",
        "no-cuda-visible",
    ),
    "a pod's description without its node": (
        "Name:         llama-0\nNamespace:    ml\nStatus:       Pending\nContainers:\n  vllm:\n    Image:  vllm\n"
        "    State:  Waiting\n      Reason:  CrashLoopBackOff\n    Last State:  Terminated\n      Reason:  OOMKilled\n"
        "      Exit Code:  137\n    Restart Count:  3\n",
        "host-oom",
    ),
    "an answer of the server in JSON": (
        '{"error": {"message": "\\"auto\\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be '
        'set", "type": "BadRequestError", "code": 400}}',
        "bad-argument",
    ),
    "conditions of a description alone": (
        "Status:\n  Parents:\n    Conditions:\n      Last Transition Time:  2026-07-09T18:01:13Z\n"
        "      Message:  Service vllm not found\n      Reason:   BackendNotFound\n      Status:   False\n"
        "      Type:     ResolvedRefs\n",
        "service-mismatch",
    ),
    "an init container alone": (
        "Init Containers:\n  wait-gcs-ready:\n    State:  Running\n    Restart Count:  12\n    Last State:  "
        "Terminated\n"
        "      Reason:  Error\n      Message:  Timed out while waiting for GCS to become available\n"
        "      Exit Code:  1\n",
        "ray-unreachable",
    ),
    "a NodeClaim's conditions": (
        "- lastTransitionTime: '2026-11-15T17:10:23Z'\n  type: Registered\n  status: 'False'\n"
        "  reason: UnregisteredTaintNotFound\n  message: Invariant violated\n",
        "node-launch-failed",
    ),
    "prose": ("the pod of my model gets OOMKilled after some minutes", "host-oom"),
    "a policy's words": (
        "resource Deployment/ml/vllm was blocked due to the following policies \n\nlimits:\n  check: 'memory is "
        "required'",
        "admission-denied",
    ),
    "a console's words": ("Unschedulable: Cannot schedule pods: Insufficient cpu.", "cpu-memory-short"),
    "a taint that ends a pod": (
        "3m   Normal   TaintManagerEviction   pod/vllm-0   Marking for deletion Pod ml/vllm-0",
        "node-lost",
    ),
    "a node that is lost": ("3m   Warning   NodeNotReady   pod/vllm-0   Node is not ready", "node-lost"),
    "a node without memory": (
        "  Warning  SystemOOM  4m  kubelet  System OOM encountered, victim process: VLLM::EngineCor, pid: 48213",
        "node-oom",
    ),
    "a node without memory, by the kernel": (
        "[Thu Aug 27 00:39:44 2026] Out of memory: Killed process 3742074 (lmcache) total-vm:81306880kB, UID:0",
        "node-oom",
    ),
    "no room for a volume": ("0/3 nodes are available: 3 node(s) exceed max volume count.", "cpu-memory-short"),
    "gates": (
        "- lastTransitionTime: '2026-10-01T10:00:00Z'\n  type: PodScheduled\n  status: 'False'\n"
        "  reason: SchedulingGated\n  message: Scheduling is blocked due to non-empty scheduling gates\n",
        "scheduling-gated",
    ),
    "a probe without its command": (
        "  Warning  Unhealthy  3m (x355 over 6h)  kubelet  Readiness probe failed: /bin/sh: 1: jq: not found",
        "probe-misconfigured",
    ),
    "a model without a runtime": (
        "status:\n  modelStatus:\n    lastFailureInfo:\n      message: Waiting for runtime to become available\n"
        "      reason: RuntimeNotRecognized\n",
        "admission-denied",
    ),
    "a table of nodes": ("gpu-1   NotReady   <none>   41d   v1.33.2\n", "node-lost"),
    "an image that is not named": ("Failed to pull image: context deadline exceeded", "registry-unreachable"),
    "words without a count": ("0/3 nodes are available: insufficient nvidia.com/gpu.", "gpu"),
    "a mount without its volume": (
        '9m  Warning  Failed  pod/vllm-0  Error: cannot find volume "log" to mount into container "vllm"',
        "mount-failed",
    ),
    "a quota in prose": (
        "it says: The specified subscription has a total vCPU quota of 4 and cannot accomodate it",
        "cloud-quota",
    ),
    "a scheduler's log": (
        'I0522 10:32:28.450554 1 scheduler.go:352] "Unable to schedule pod; no fit; waiting" pod="a/b" err="0/4 nodes '
        "are "
        'available: 4 Insufficient nvidia.com/gpu."',
        "gpu",
    ),
    "an event in a controller's log": (
        'I0605 11:27:30.008919 1 factory.go:33] Event(v1.ObjectReference{Kind:"Pod", Namespace:"a", Name:"b", '
        'UID:"u"}): '
        "type: 'Normal' reason: 'NotTriggerScaleUp' pod didn't trigger scale-up: 1 Insufficient nvidia.com/gpu",
        "autoscaler-no-match",
    ),
    "a quota of another kind": (
        'replicationcontrollers "app-41" is forbidden: Exceeded quota: counts, requested: replicationcontrollers=1, '
        "used: "
        "replicationcontrollers=20, limited: replicationcontrollers=20",
        "resource-quota",
    ),
    "a state that lost its indentation": (
        "Last State: Terminated\nReason: OOMKilled\nExit Code: 137\n",
        "host-oom",
    ),
    "a revision whose image has no digest": (
        'Revision "m-00001" failed with message: Unable to fetch image "org/m:1": failed to resolve image to digest: '
        'Get "https://index.docker.io/v2/": context deadline exceeded.',
        "registry-unreachable",
    ),
    "an image that a controller asked for": (
        "checking image: HEAD https://index.docker.io/v2/library/m/manifests/1: unexpected status code 401 "
        "Unauthorized (HEAD responses have no body, use GET for details)",
        "image-auth",
    ),
    "a gang of Volcano's": ("0/0 tasks in gang unschedulable: pod group is not ready, 1 minAvailable", "scheduling"),
    "a driver that cannot make a MIG device": (
        'E1205 22:40:41.196150       1 server.go:127] "dra: handling request failed" err="error preparing devices for '
        "claim 148d: MIG device allocation failed: error creating GPU instance for '1g.20gb': Insufficient Resources\"",
        "device-allocation-failed",
    ),
    "a place without GPUs": (
        "got HTTP response status code 409: The requested\n  resource is not available in the location "
        "''westeurope'' at this moment.",
        "gpu-stockout",
    ),
    "a pull by a virtual kubelet": (
        "apiVersion: v1\nkind: Event\nreason: FailedPullImage\ntype: Warning\n"
        "involvedObject: {kind: Pod, name: a, namespace: b}\n"
        'message: \'Failed to pull image "a:1": failed commit on ref "l": failed size validation: 62 != 173\'\n',
        "registry-unreachable",
    ),
    "a rollout that kubectl waited for": (
        'error: deployment "llama" exceeded its progress deadline',
        "progress-deadline",
    ),
    "a cloud's command line": (
        "ERROR: (gcloud.compute.instances.create) Could not fetch resource:\n---\n"
        "code: ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS\n",
        "gpu-stockout",
    ),
    "a ReplicaSet of another program": (
        "Name:  csi-7f\nNamespace:  kb\nControlled By:  Deployment/csi\nReplicas:  0 current / 1 desired\n"
        "Pod Template:\n  Labels:  app=csi\n  Priority Class Name:  system-cluster-critical\nEvents:\n"
        "  Type     Reason        Age  From                   Message\n"
        "  ----     ------        ---  ----                   -------\n"
        "  Warning  FailedCreate  20s  replicaset-controller  Error creating: insufficient quota to match these scopes:"
        " [{PriorityClass In [system-node-critical system-cluster-critical]}]\n",
        "priority-class-quota",
    ),
    "a log behind a table of pods": (
        f"$ kubectl get pods\nNAME  READY  STATUS  RESTARTS  AGE\nllama-0  0/1  CrashLoopBackOff  27  117m\n\n"
        f"$ kubectl logs llama-0\n{ERROR}\n",
        "no-cuda-visible",
    ),
    "a quoted sentence": (f"> {SCHEDULER}", "gpu"),
    "the kubelet's sentence": (PULL, "image-not-found"),
    "a controller's sentence": (f"Error creating: {REFUSED}", "resource-quota"),
    "the API server's sentence": (f"Error from server (Forbidden): {REFUSED}", "resource-quota"),
    "the states of a container": (STATE, "host-oom"),
    "the statuses of containers": (STATUS, "host-oom"),
    "a fenced log": (f"```text\n{ERROR}\n```\n", "no-cuda-visible"),
    "a quoted log": (f"> Traceback (most recent call last):\n> {ERROR}\n", "no-cuda-visible"),
    "a log behind a description": (f"{DESCRIBED}\n$ kubectl logs llama-0\nERROR: x\n{ERROR}\n", "no-cuda-visible"),
}


def first(reports: Sequence[Report]) -> str:
    return reports[0].findings[0].cause


@pytest.mark.parametrize(("text", "cause"), PASTED.values(), ids=list(PASTED))
def test_a_paste_says_what_is_wrong(text: str, cause: str) -> None:
    reports, problems = diagnose_bundle([], text.encode())
    assert first(reports).startswith(cause)
    assert problems == []


def test_events_that_name_their_pod_are_about_that_pod() -> None:
    rows = [
        "Normal  Scheduled  3m  default-scheduler  Successfully assigned serving/llama-0 to gpu-1",
        f"Warning  Failed  2m (x4 over 3m)  kubelet  {PULL}",
    ]
    reports, _ = diagnose_bundle([], "\n".join(rows).encode())
    assert [(str(report.subject), report.findings[0].cause) for report in reports] == [
        ("pod/llama-0 in serving", "image-not-found")
    ]


@pytest.mark.parametrize(
    ("capacity", "counted", "cause"),
    [("", 1, "gpu-not-advertised"), ("  nvidia.com/gpu:  1\n", 1, "gpu-exhausted"), ("", 3, "gpu-exhausted")],
)
def test_a_described_node_tells_whether_gpus_are_offered(
    tmp_path: Path, capacity: str, counted: int, cause: str
) -> None:
    offers = f"  cpu:  12\n{capacity}  pods:  110\n"
    node = f"Name:  gpu-1\nRoles:  <none>\nTaints:  <none>\nCapacity:\n{offers}Allocatable:\n{offers}"
    said = f"0/{counted} nodes are available: {counted} Insufficient nvidia.com/gpu."
    (tmp_path / "node.txt").write_text(node)
    (tmp_path / "events.txt").write_text(f"Warning  FailedScheduling  52s  default-scheduler  {said}\n")
    reports, _ = diagnose_bundle([tmp_path], None)
    assert first(reports) == cause
    assert not any("gpu-1" in fix.title for fix in reports[0].findings[0].fixes if cause == "gpu-not-advertised")


def test_what_stands_for_a_pod_is_no_evidence() -> None:
    reports, _ = diagnose_bundle([], f"Warning  Failed  2m  kubelet  {PULL}".encode())
    assert {part.source for part in reports[0].findings[0].evidence} == {"event"}


def test_events_beside_a_pod_make_no_other(tmp_path: Path) -> None:
    (tmp_path / "pod.txt").write_text(DESCRIBED)
    (tmp_path / "events.txt").write_text(f"LAST SEEN  TYPE\n4m  Warning  FailedScheduling  pod/other-0  {SCHEDULER}\n")
    reports, _ = diagnose_bundle([tmp_path], None)
    assert [report.subject.name for report in reports] == ["llama-0"]


def test_a_replicaset_alone_stands_for_its_deployment(tmp_path: Path) -> None:
    meta = {"name": "llama-7d4b", "namespace": "serving", "ownerReferences": [{"kind": "Deployment", "name": "llama"}]}
    meta["ownerReferences"][0]["controller"] = True  # type: ignore[index]
    spec = {"replicas": 1, "template": {"spec": {"containers": [{"name": "vllm", "image": "vllm/vllm-openai:v1"}]}}}
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": REFUSED}
    document = {"kind": "ReplicaSet", "metadata": meta, "spec": spec, "status": {"conditions": [failed]}}
    (tmp_path / "rs.json").write_text(json.dumps(document))
    reports, _ = diagnose_bundle([tmp_path], None)
    assert (reports[0].subject.kind, reports[0].subject.name, first(reports)) == (
        "Deployment",
        "llama",
        "resource-quota",
    )


def test_records_of_a_log_store_are_a_log_in_order(tmp_path: Path) -> None:
    records = [
        {"textPayload": ERROR, "timestamp": "2026-11-24T02:00:02Z"},
        {"jsonPayload": {"message": "Traceback (most recent call last):"}, "timestamp": "2026-11-24T02:00:01Z"},
    ]
    (tmp_path / "export.json").write_text(json.dumps(records))
    reports, problems = diagnose_bundle([tmp_path], None)
    assert (first(reports), problems) == ("no-cuda-visible", [])


def test_a_pod_that_is_there_again_has_not_ended() -> None:
    evicted = "3h  Normal  TaintManagerEviction  pod/vllm-0  Marking for deletion Pod ml/vllm-0\n"
    again = "9m  Normal  Started  pod/vllm-0  Started container vllm\n"
    reports, _ = diagnose_bundle([], (evicted + again).encode())
    assert not reports[0].findings


def test_the_kernel_of_a_node_may_have_killed_somebody_else() -> None:
    text = "  Warning  SystemOOM  4m  kubelet  System OOM encountered, victim process: java, pid: 48213"
    reports, _ = diagnose_bundle([], text.encode())
    assert not reports
