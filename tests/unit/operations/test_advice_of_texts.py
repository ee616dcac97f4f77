"""What is advised by a text alone is about what the text names, not about a vLLM server that it never spoke of."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.diagnosis.findings import Finding
from vops.operations.intake.bundle import diagnose_bundle

REFUSED = (
    '51s   Warning   FailedCreate   job/register-job   Error creating: pods "register-job-vrxkq" is forbidden: '
    'violates PodSecurity "restricted:v1.34": runAsNonRoot != true (pod or container "register" must set '
    "securityContext.runAsNonRoot=true)\n"
)
QUOTA = (
    "Warning  FailedCreate  2m5s (x85 over 8h)  daemonset-controller  Error creating: insufficient quota to match "
    "these scopes: [{PriorityClass In [system-node-critical system-cluster-critical]}]"
)
HOOK = (
    'Warning  FailedPostStartHook  1s  kubelet  Exec lifecycle hook ([sh -c true]) for Container "influxdb2" in Pod '
    "\"monitor1-influxdb2-0_perf(010ef5d3-a252-4cd4-a070-91f10eb4c02f)\" failed - error: command 'sh -c true' exited "
    'with 1: , message: "no"\n'
)
ADAPTER = (
    "I0131 10:22:11.094103 1 api.go:74] GET http://prometheus:9090/api/v1/query?query=up 200 OK\n"
    "E0131 10:22:11.094609 1 provider.go:164] None of the results returned by when fetching metric services/tps "
    'for "demo/demo" matched the resource name\n'
    "I0131 10:22:11.094774 1 wrap.go:42] GET /apis/custom.metrics.k8s.io/v1beta1/namespaces/demo/services/demo/tps: "
    "(5.773393ms) 404 [[kube-controller-manager/v1.15.9 (linux/amd64) "
    "kubernetes/2e808b7/system:serviceaccount:kube-system:horizontal-pod-autoscaler] 10.0.0.1:51234]\n"
)
SELECTOR = (
    "The pod is pending due to 2 node(s) didn't match Pod's node affinity/selector. Its selector is \"model=Ready\" "
    'and the 2 GPU nodes have a label of "model=Ready".\n'
)
PINNED = (
    "Warning  FailedScheduling  5s  default-scheduler  0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 "
    "node(s) had volume node affinity conflict.\n"
)
HOSTPATH = (
    "The model cache is a node-pinned PV (microk8s-hostpath), so the pod stays Pending on the other node: the "
    "scheduler reports a volume node affinity conflict.\n"
)
KILLED = (
    "[Thu Aug 27 00:39:44 2026] Out of memory: Killed process 3742074 (lmcache) total-vm:81306880kB, "
    "anon-rss:1058560kB, file-rss:21412kB, shmem-rss:428kB, UID:0 pgtables:28484kB oom_score_adj:0\n"
)
TGI = """\
2024-07-22T15:30:59.897225Z  INFO shard-manager: text_generation_launcher: Starting shard rank=0
2024-07-22T15:31:10.682538Z ERROR text_generation_launcher: Error when initializing model
Traceback (most recent call last):
  File "/opt/lib/python3.10/site-packages/transformers/models/auto/configuration_auto.py", line 653, in __getitem__
    raise KeyError(key)
KeyError: 'gemma2'
"""
REGISTRY = "Pods fail: registry-1.docker.io answers 429 Too Many Requests when nodes pull vllm/vllm-openai\n"


QUEUE = """\
INFO 10-28 11:16:34 metrics.py:349] Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 7220.5 tokens/s, \
Running: 2 reqs, Swapped: 0 reqs, Pending: 98 reqs, GPU KV cache usage: 73.8%, CPU KV cache usage: 0.0%.
INFO 10-28 11:16:39 metrics.py:349] Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 7154.5 tokens/s, \
Running: 2 reqs, Swapped: 0 reqs, Pending: 98 reqs, GPU KV cache usage: 86.1%, CPU KV cache usage: 0.0%.
"""
PREEMPTED = (
    "WARNING 10-28 11:16:41 scheduler.py:1483] Sequence group chat-7e63 is preempted by PreemptionMode.SWAP mode "
    "because there is not enough KV cache space. total_num_cumulative_preemption=3\n"
)


def found(folder: Path, text: str, name: str = "post.md") -> tuple[str, Finding]:
    (folder / name).write_text(text)
    report = diagnose_bundle([folder], None)[0][0]
    return report.subject.kind, report.findings[0]


def words(finding: Finding) -> str:
    return " ".join((finding.summary, *(f"{fix.title} {' '.join(fix.steps)}" for fix in finding.fixes)))


@pytest.mark.parametrize(
    ("text", "cause", "said", "unsaid"),
    [
        (HOOK, "post-start-hook-failed", ("of influxdb2", "-n perf describe pod monitor1-influxdb2-0"), "vllm"),
        (ADAPTER, "autoscaler-no-metric", ("Let a rule of the adapter give", "<<.GroupBy>>"), "Let the adapter reach"),
        (SELECTOR, "node-selector-mismatch", ("node affinity", "if those that are told of are there"), "are missing"),
        (HOSTPATH, "volume-zone-conflict", ("ReadWriteMany", "one claim for each node"), "zone"),
        (PINNED, "volume-zone-conflict", ("in that zone",), "local volume"),
        (KILLED, "node-oom", ("that of lmcache too", "what used the memory may be another"), "vllm"),
        (TGI, "unsupported-architecture", ("a newer text-generation-inference",), "vLLM"),
        (REGISTRY, "image-rate-limit", ("imagePullSecrets",), "HF_TOKEN"),
    ],
    ids=["hook", "adapter", "selector", "hostpath", "zone", "oom", "tgi", "registry"],
)
def test_advice_names_what_the_text_names(
    tmp_path: Path, text: str, cause: str, said: tuple[str, ...], unsaid: str
) -> None:
    name = "adapter.log" if text is ADAPTER else "log.log" if text is TGI else "post.md"
    _, finding = found(tmp_path, text, name)
    assert finding.cause == cause
    assert [part for part in said if part not in words(finding)] == []
    assert unsaid not in words(finding)


def test_a_job_that_makes_no_pod_stays_a_job(tmp_path: Path) -> None:
    kind, finding = found(tmp_path, REFUSED, "events.txt")
    assert (kind, finding.cause) == ("Job", "admission-denied")
    assert "The pods of a Job cannot be changed" in words(finding)
    assert "edit statefulset" not in words(finding)
    assert "vLLM" not in words(finding)


@pytest.mark.parametrize("text", [f"{QUOTA}\n", f"GKE broke it:\n`{QUOTA}\n`\nWhat now?\n"], ids=["event", "prose"])
def test_a_daemonset_is_called_so_by_its_controller(tmp_path: Path, text: str) -> None:
    kind, finding = found(tmp_path, text)
    assert (kind, finding.cause) == ("DaemonSet", "priority-class-quota")
    assert "edit daemonset/" in words(finding)
    assert "no quota in their namespace" in finding.summary


@pytest.mark.parametrize(("more", "lines"), [(PREEMPTED, ["3 preempted"]), ("", [])], ids=["preempted", "not"])
def test_a_queue_tells_of_preemptions_in_the_same_log(tmp_path: Path, more: str, lines: list[str]) -> None:
    _, finding = found(tmp_path, QUEUE + more, "server.log")
    assert finding.cause == "queue-saturated"
    assert ("3 preempted" in finding.summary) is bool(more)
    assert [item.observed for item in finding.evidence if "preempted" in item.observed] == lines
