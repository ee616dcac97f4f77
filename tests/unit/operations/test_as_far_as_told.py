"""An answer says what the text says and no more: no count, port, code or name that nobody told."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.diagnosis.findings import Finding
from vops.operations.intake.bundle import diagnose_bundle

SELECTOR = "Cannot schedule pods: node(s) didn't match node selector.\n"
SHORT = (
    "Warning  FailedScheduling  5s  default-scheduler  0/14 nodes are available: 9 node(s) had taint {a: }, that the "
    "pod didn't tolerate, 5 Insufficient nvidia.com/gpu.\n"
)
BOUND = "ERROR:    [Errno 98] error while attempting to bind on address ('{}', 2242{}): address already in use\n"
REQUIRED = (
    "Warning  Failed  5s  kubelet  Error: failed to create containerd task: failed to create shim task: OCI runtime "
    "create failed: runc create failed: unable to start container process: error during container init: error running "
    "hook #0: error running hook: exit status 1, stdout: , stderr: nvidia-container-cli.real: requirement error: {}\n"
)
REPOSITORY = (
    "huggingface_hub.errors.HFValidationError: Repo id must use alphanumeric chars or '-', '_', '.', '--' and '..' are "
    "forbidden, '-' and '.' cannot start or end the name, max length is 96: '{}'.\n"
)
GATED = "Repo model meta-llama/Llama-2-13b-chat-hf is gated. You must be authenticated to access it.\n"
NO_LIBRARY = "{}: cannot open shared object file: No such file or directory\n"
BACK_OFF = (
    'Normal  BackOff  3m  kubelet  Back-off pulling image "ghcr.io/llm-d/async-processor:v0.6.1"\n'
    "Warning  Failed  3m  kubelet  Error: ImagePullBackOff\n"
)
UNROUTED = (
    "node5:240:240 [6] misc/socket.cc:533 NCCL WARN socketPollConnect: Connect to 10.0.0.4<56849> returned 113(No "
    "route to host) errno 115(Operation now in progress)\n"
)


SERVED_BY = "$ {} --port 8000\nCUDA out of memory. Tried to allocate 2.00 GiB\n"


def found(text: str) -> Finding:
    return diagnose_bundle([], text.encode())[0][0].findings[0]


def steps(finding: Finding) -> str:
    return " ".join(step for fix in finding.fixes for step in fix.steps)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SELECTOR, "missing on the nodes"),
        (SHORT, "No node has nvidia.com/gpu free"),
        (BOUND.format("::", ", 0, 0"), "Port 2242 is taken"),
        (BOUND.format("10.0.0.4", ""), "Port 2242 is taken"),
        (REQUIRED.format("invalid expression: unknown"), "cannot read what the pod requires"),
        (REQUIRED.format("unsatisfied condition: cuda>=12.8"), "too old for its image: it needs cuda>=12.8"),
        (
            REPOSITORY.format("TheBloke/Mistral-7B-GPTQ:gptq-4bit"),
            "TheBloke/Mistral-7B-GPTQ:gptq-4bit is no repository",
        ),
        (REPOSITORY.format("/models/mistral:7b"), "is not a folder"),
        (GATED, "no token is sent that it accepts"),
    ],
)
def test_a_summary_has_what_the_text_names(text: str, says: str) -> None:
    summary = found(text).summary
    assert says in summary
    assert "1 node" not in summary
    assert "401" not in summary
    assert not summary.startswith("its ")


@pytest.mark.parametrize(
    ("text", "step", "other"),
    [
        (SELECTOR, "workload that runs this pod", "this log"),
        (BOUND.format("::", ", 0, 0"), "workload that this log came from", "runs this pod"),
        (REQUIRED.format("invalid expression: unknown"), "NVIDIA_REQUIRE_CUDA", "cordon"),
        (REPOSITORY.format("TheBloke/Mistral-7B-GPTQ:gptq-4bit"), "--revision gptq-4bit", "volume"),
        (NO_LIBRARY.format("libascend_hal.so"), "/usr/local/Ascend/driver", "nvidia"),
        (NO_LIBRARY.format("libcuda.so.1"), "nvidia", "Ascend"),
        (SERVED_BY.format("llama-server -m a.gguf"), "--n-gpu-layers", "--tensor-parallel-size"),
        (SERVED_BY.format("text-generation-launcher --model-id a/b"), "--max-batch-prefill", "--max-num-seqs"),
        (SERVED_BY.format("python3 -m sglang.launch_server --model a/b"), "--mem-fraction-static", "--max-num-seqs"),
        (SERVED_BY.format("x").replace("2.00", "launcher text_generation_launcher 2.00"), "--num-shard", "--tp"),
        (SERVED_BY.format("vllm serve a/b"), "--tensor-parallel-size", "--n-gpu-layers"),
        (SERVED_BY.format("ollama serve; vllm serve a/b"), "--tensor-parallel-size", "--n-gpu-layers"),
        (BACK_OFF, "-n NAMESPACE get events", "-n default"),
    ],
)
def test_a_step_is_for_what_was_told(text: str, step: str, other: str) -> None:
    said = steps(found(text))
    assert step in said
    assert other not in said


def test_a_heading_is_cited_without_its_mark() -> None:
    finding = found("# UnexpectedAdmissionError with the GPU operator\n\nThe node was restarted before it.\n")
    assert [item.observed for item in finding.evidence] == ["UnexpectedAdmissionError with the GPU operator"]


def test_a_line_is_evidence_once() -> None:
    assert [item.where for item in found(UNROUTED).evidence] == ["line 1"]


def test_a_killed_process_is_cited_as_its_log_has_it() -> None:
    killed = "/src/serve/run.sh: line 89:    33 Killed                  /opt/conda/bin/python /src/serve/start.py"
    assert "line 89: 33 Killed /opt/conda/bin/python" in found(f"{killed}\n").evidence[0].observed


def test_of_what_is_told_twice_the_first_is_shown() -> None:
    told = "The agent container has an incorrect readiness probe, and the pod is never ready (1/2)."
    assert len(found(f"{told}\n\n{told} It asks for / there.\n").evidence) == 1


def test_a_described_pod_of_which_a_log_tells_names_its_owner(tmp_path: Path) -> None:
    described = (
        "Name:  llama-0\nNamespace:  serving\nStatus:  Running\nControlled By:  StatefulSet/llama\n"
        "Containers:\n  llama:\n    Image:  org/a:1\n"
    )
    text = f'"kubectl logs llama-0" gives "exec /bin/bash: exec format error"\n\n{described}'
    (tmp_path / "post.md").write_text(text)
    finding = diagnose_bundle([tmp_path], None)[0][0].findings[0]
    assert "kubectl -n serving edit statefulset/llama" in steps(finding)
