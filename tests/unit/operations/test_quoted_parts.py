"""Parts of what programs print, as posts quote them: an end alone, a marked line, a state without its code."""

from __future__ import annotations

import pytest

from vops.diagnosis.findings import LIKENED, Report
from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.intake.bundle_images import image_told_of
from vops.operations.printed.describe_text import read_described

KILLED = """\
The head is killed when it starts:

```
$ kubectl get pod head -o yaml | yq '.status.containerStatuses[0].lastState.terminated'
containerID: containerd://0f30d47b321c9d9482bc6b78f2292196f7156194f5d2ea02b12eaeb2b395a1b3
exitCode: 137
finishedAt: "2026-01-17T10:56:44Z"
reason: OOMKilled
startedAt: "2026-01-17T10:56:35Z"
```
"""
DONE = KILLED.replace("137", "0").replace("OOMKilled", "Completed")
NODE = """\
Only 7 cards of our node can be used:
```
Capacity:
  cpu:             128
  nvidia.com/gpu:  8
  pods:            110
Allocatable:
  cpu:             128
  nvidia.com/gpu:  7       <=========== here
  pods:            110
```
"""
STATE = """\
    State:      Terminated
      Reason:   Error
      Message:  ValueError: Tokenizer class X does not exist
"""
ATTACHED = """\
Events:
  Type     Reason                  Age               From                     Message
  ----     ------                  ----              ----                     -------
  Normal   Scheduled               6m13s             default-scheduler        Successfully assigned ml/vllm-0 to gpu-1
  Warning  FailedMount             {waited} (x2 over 4m9s)  kubelet  Unable to attach or mount volumes: unmounted \
volumes=[models], unattached volumes=[models]: timed out waiting for the condition
  Normal   SuccessfulAttachVolume  8s                attachdetach-controller  AttachVolume.Attach succeeded
"""
NODE_LOST = """\
We have a server with one replica. A few days back the node on which its pod was running went into NotReady state, and
the pod was stuck in Terminating for as long as the node did not come back.
"""


def reports(text: str) -> tuple[Report, ...]:
    return tuple(diagnose_bundle([], text.encode())[0])


def causes(text: str) -> list[str]:
    found = (finding for report in reports(text) for finding in report.findings)
    return [finding.cause for finding in found if finding.rule != LIKENED]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (KILLED, "host-oom"),
        (NODE, "xid-gpu-lost"),
        (NODE.replace("<=========== here", "\u2190 why?"), "xid-gpu-lost"),
        (ATTACHED.format(waited="5s"), "mount-failed"),
    ],
)
def test_a_part_that_was_quoted_tells_the_cause(text: str, cause: str) -> None:
    assert causes(text)[:1] == [cause]


def test_a_node_that_is_told_to_be_lost_is_heard() -> None:
    first = reports(NODE_LOST)[0].findings[0]
    assert (first.cause, first.rule) == ("node-lost", LIKENED)


@pytest.mark.parametrize(
    "text",
    [
        DONE,
        NODE.replace("7       <=", "8       <="),
        ATTACHED.format(waited="112s"),
        NODE_LOST.replace("was stuck in Terminating", "was moved to another one"),
    ],
)
def test_nothing_is_found_where_it_tells_of_no_failure(text: str) -> None:
    assert causes(text) == []


def test_a_state_without_its_code_did_not_end_well() -> None:
    (pod,) = read_described(STATE).documents
    (status,) = pod["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 1


def test_an_arrow_within_a_line_is_kept() -> None:
    message = "a <-- b is what 10.0.0.1:1 says"
    row = (
        f"Warning  FailedMount  5s  kubelet  MountVolume.SetUp failed for volume <x>{message.replace(' <-- ', '<--')}\n"
    )
    (event,) = read_described(row).documents
    assert "<--b" in event["message"]


@pytest.mark.parametrize(
    ("message", "image"),
    [
        ('Failed to pull image "ghcr.io/a/b:1": denied', "ghcr.io/a/b:1"),
        ('daemon: Head "https://ghcr.io/v2/llm-d/router/manifests/v0.7.1": denied', "ghcr.io/llm-d/router:v0.7.1"),
        ("Get https://registry-1.docker.io/v2/vllm/vllm-openai/manifests/v9: EOF", "docker.io/vllm/vllm-openai:v9"),
        ('Head "https://ghcr.io/v2/a/b/manifests/sha256:0123": EOF', ""),
        ('Get "https://ghcr.io/v2/": EOF', ""),
    ],
)
def test_the_image_is_told_by_where_its_registry_keeps_it(message: str, image: str) -> None:
    assert image_told_of(["Back-off", message]) == image


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (
            'time="2026-01-27T00:53:32Z" level=info msg="Starting dcgm-exporter"\n'
            'time="2026-01-27T00:53:32Z" level=fatal msg="Error watching fields: Profiling is not supported for this '
            'group of GPUs or GPU"\n',
            "default-counters.csv",
        ),
        (
            "  Warning  FailedCreatePodSandBox  2m (x9 over 9m)  kubelet  Failed to create pod sandbox: rpc error: code"
            ' = Unknown desc = failed to setup network for sandbox "1f": plugin type="calico" failed (add): netplugin '
            "failed with no error message: signal: killed\n",
            "network plugin",
        ),
        (
            "the HPA was unable to compute the replica count: unable to get metric x: unable to fetch metrics from "
            "custom metrics API: the server could not find the metric x for pods\n",
            "custom.metrics.k8s.io",
        ),
        (
            "Traceback (most recent call last):\n"
            '  File "/usr/lib/python3/dist-packages/vllm_nvext/utils/caches.py", line 29, in check_cache_dir\n'
            '    raise RuntimeError(f"Unable to write to NIM_CACHE_PATH ({cache_path})")\n'
            "RuntimeError: Unable to write to NIM_CACHE_PATH (/mnt/models/cache)\n",
            "/mnt/models/cache",
        ),
    ],
)
def test_the_answer_says_what_the_words_mean(text: str, word: str) -> None:
    finding = reports(text)[0].findings[0]
    assert word in f"{finding.summary} {' '.join(step for fix in finding.fixes for step in fix.steps)}"
    assert "deployment/:" not in finding.summary


_TWO_SECRETS = """\
  Warning  FailedMount  {first} (x9 over 9m)  kubelet  MountVolume.SetUp failed for volume "a" : secret "hf-token" \
not found
  Warning  FailedMount  20s (x9 over 9m)  kubelet  MountVolume.SetUp failed for volume "b" : secret "{second}" not found
"""


@pytest.mark.parametrize(
    ("first", "second", "others"),
    [("40s", "server-cert", ["hf-token"]), ("8m", "server-cert", []), ("40s", "hf-token", [])],
)
def test_all_secrets_that_a_pod_lacks_are_named(first: str, second: str, others: list[str]) -> None:
    finding = reports(_TWO_SECRETS.format(first=first, second=second))[0].findings[0]
    assert finding.cause == "missing-config"
    assert f"needs Secret {second}, " in finding.summary
    assert [name for name in ("hf-token", "server-cert") if f"nor is Secret {name}" in finding.summary] == others
    assert len(finding.fixes) == 1 + len(others)


_GREPPED = """\
After the upgrade our jobs are pending:
# kubectl describe node | grep -i gpu
 nvidia.com/gpu:     0
 nvidia.com/gpu:     {offers}
  nvidia.com/gpu  0            0
"""
_LABELS = """\
nothing is created in gpu-resources, and I see this:
  nvidia.com/gpu.deploy.device-plugin={state}
  nvidia.com/gpu.deploy.driver=true
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_GREPPED.format(offers=0), ["gpu-not-advertised"]),
        (_GREPPED.format(offers=4), []),
        (_GREPPED.format(offers="0\n nvidia.com/mig-1g.5gb-gpu: 7"), []),
        (_GREPPED.format(offers=0).replace("kubectl describe node | grep -i gpu", "values.yaml"), []),
        (_LABELS.format(state="paused-for-driver-upgrade"), ["gpu-not-advertised"]),
        (_LABELS.format(state="true"), []),
    ],
)
def test_what_was_picked_out_of_descriptions_of_nodes_is_read(text: str, found: list[str]) -> None:
    assert causes(text) == found
