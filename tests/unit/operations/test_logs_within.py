"""Logs that somebody pasted beside what kubectl prints: where they begin and end, and what is none."""

from __future__ import annotations

import pytest

from vops.diagnosis.findings import LIKENED
from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.printed.logs_within import log_within

EVENTS = """\
Events:
  Type     Reason     Age                From               Message
  ----     ------     ----               ----               -------
  Normal   Scheduled  6m                 default-scheduler  Successfully assigned default/vllm-7d9f-abc to gpu-1
  Normal   Started    5m (x4 over 6m)    kubelet            Started container vllm
  Warning  BackOff    30s (x20 over 5m)  kubelet            Back-off restarting failed container vllm in pod vllm-7d9f
"""
PODS = """\
NAME            READY   STATUS             RESTARTS      AGE
vllm-7d9f-abc   0/1     CrashLoopBackOff   5 (30s ago)   6m
"""
STATE = """\
    Last State:     Terminated
      Reason:       Error
      Message:      {}
      Exit Code:    1
      Started:      Thu, 27 Nov 2025 10:00:00 +0000
"""
NO_GPU = "RuntimeError: No CUDA GPUs are available"
CRASHED = "Segmentation fault (core dumped)"
FAILED_OVER = "ray.exceptions.RayTaskError(RuntimeError): ray::RayWorkerWrapper.execute_method() (pid=5)\n" + NO_GPU


def first(text: str) -> str:
    reports, _ = diagnose_bundle([], text.encode())
    found = (finding for report in reports for finding in report.findings)
    return next((finding.cause for finding in found if finding.rule != LIKENED), "")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (f"{EVENTS}\nLogs:\n{NO_GPU}\n", "no-cuda-visible"),
        (f"{EVENTS}\n{NO_GPU}\n", "no-cuda-visible"),
        (f"{EVENTS}\n$ kubectl logs vllm-7d9f-abc --previous\n{CRASHED}\n", "engine-dead"),
        (f"{EVENTS}\nlogs\n    {CRASHED}\n", "engine-dead"),
        (f"The log ends with:\n{NO_GPU}\n\n{EVENTS}", "no-cuda-visible"),
        (f"{EVENTS}\nPod logs:\nbotocore.exceptions.NoRegionError: You must specify a region.\n", "hub-unreachable"),
        (f"{PODS}\n{CRASHED}\n", "engine-dead"),
        (f"{PODS}\n/usr/bin/python3: No module named vllm\n", "bad-entrypoint"),
    ],
)
def test_a_few_words_beside_events_or_pods_are_read(text: str, cause: str) -> None:
    assert first(text) == cause


def test_a_message_of_several_lines_is_read_whole_whatever_stands_left_of_it() -> None:
    assert first(STATE.format(FAILED_OVER)) == "no-cuda-visible"
    gated = "OSError: You are trying to access a gated repo.\nMake sure to have access to it.\n401 Client Error.\n\n"
    assert first(STATE.format(gated + "Access is restricted. Please log in.")) == "token-missing"


def test_events_alone_hold_no_log() -> None:
    failed = "  Warning  Failed  5s  kubelet  Error: failed to create containerd task: no space left on device\n"
    assert log_within(EVENTS + failed) == ""
    assert log_within(f"{EVENTS}\nThe logs are empty.\n") == ""
    assert log_within(f"{EVENTS}\nSee the following error: /bin/sh: 1: jq: not found\n") == ""


def test_code_within_a_sentence_is_what_a_log_had() -> None:
    assert first(f"Since the upgrade our vLLM pod fails with `{CRASHED}` after two minutes.\n") == "engine-dead"
    assert first("vLLM fails with `bash: vllm: command not found` in my image.\n") == "bad-entrypoint"
    assert first("I use `vllm serve` with `--max-model-len 4096`, and it failed to impress.\n") == ""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "After deploying, the container exits with Segmentation fault (core dumped) again and again.\n",
            "engine-dead",
        ),
        (
            "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the\ncurrent PyTorch "
            "installation.\n",
            "cuda-driver-mismatch",
        ),
        (
            "E1127 10:00:00.123456     99 nixl_agent.cpp:271] createBackend: backend creation\nfailed for 'UCX' with "
            "status NIXL_ERR_BACKEND\n",
            "nixl-handshake",
        ),
        ("version `GLIBC_2.38' not\nfound (required by /usr/lib/x.so)\n", "broken-install"),
    ],
)
def test_words_that_a_sentence_or_a_narrow_window_broke_are_put_together(text: str, cause: str) -> None:
    assert first(text) == cause


RUNS = """Name:             llama-0
Namespace:        serving
Status:           Running
Controlled By:    StatefulSet/llama
Containers:
  llama:
    Image:          org/llama:1.0
"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ('I run "kubectl logs llama-0 -n serving" and get "exec /bin/bash: exec format error"', "image-wrong-arch"),
        ('I run "kubectl logs llama-0 -n serving" and get "Listening on port 8000"', ""),
        ('I run "docker logs other" and it is not "exec /bin/bash: exec format error"', ""),
    ],
)
def test_what_kubectl_gave_in_quotation_marks_is_the_log_of_the_pod_described(said: str, cause: str) -> None:
    assert first(f'{said}\nWhen I run "kubectl describe pod llama-0" I get this:\n"{RUNS}') == cause
