"""What somebody pasted of a failure: one exception within a sentence, a line or a status; and what only sounds so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vops.diagnosis.logs.reader import read_log
from vops.operations.intake.bundle import diagnose_bundle

DATA = Path(__file__).parents[2] / "data"
RANK = "ValueError: LoRA rank 64 is greater than max_lora_rank 16."
NO_SCHEME = "NotImplementedError: No compressed-tensors compatible scheme was found."
SPECULATIVE = "ValueError: num_speculative_tokens must be provided with speculative model"
ARGUMENT = "vllm serve: error: argument --kv-transfer-config: invalid loads value: '{kv_connector:NixlConnector}'"
FAILURES = [
    (RANK, "lora-problem"),
    (NO_SCHEME, "quantization-mismatch"),
    (SPECULATIVE, "bad-argument"),
    (ARGUMENT, "bad-argument"),
    ("KeyError: 'layers.0.mlp.experts.w13_bias'", "quantization-mismatch"),
]
PLACES = {
    "prose": "The pod restarts all the time. The log ends with `{}` and I have no idea why.\n",
    "chinese": "部署到k8s后pod一直重启,报错如下:{}\n",
    "logged": "2026-01-02 03:04:05,678 ERROR worker.py:12 -- Failed to start engine: {}\n",
    "state": "    Last State:     Terminated\n      Reason:       Error\n      Message:      {}\n"
    "      Exit Code:    1\n",
}
LIVED = """\
(APIServer pid=1) INFO 04-29 10:09:50 [api_server.py:2020] vLLM API server version 0.12.0
(APIServer pid=1) ERROR 04-29 10:09:55 [registry.py:810] Traceback (most recent call last):
(APIServer pid=1) ERROR 04-29 10:09:55 [registry.py:810] PermissionError: [Errno 13] Permission denied: '/.cache/vllm'
"""
GOES_ON = "(APIServer pid=1) INFO 04-29 10:09:56 [model.py:631] Resolved architecture: LlamaForCausalLM\n"


def causes(text: str) -> list[str]:
    (report,), _ = diagnose_bundle([], text.encode())
    return [finding.cause for finding in report.findings]


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
@pytest.mark.parametrize(("said", "cause"), FAILURES, ids=[cause for _, cause in FAILURES])
def test_an_exception_is_found_wherever_it_stands(place: str, said: str, cause: str) -> None:
    assert causes(place.format(said))[:1] == [cause]


def test_a_status_in_json_is_read_too() -> None:
    ended = {"exitCode": 1, "reason": "Error", "message": RANK}
    status = {"name": "vllm", "restartCount": 2, "state": {"waiting": {}}, "lastState": {"terminated": ended}}
    assert causes(json.dumps({"containerStatuses": [status]}))[:1] == ["lora-problem"]


def test_what_a_start_outlived_is_no_failure() -> None:
    assert read_log(LIVED).root is not None
    assert read_log(LIVED + GOES_ON).root is None
    again = LIVED + LIVED.splitlines(keepends=True)[0] + GOES_ON
    assert read_log(again).root is not None  # a start of its own, after one that had failed


@pytest.mark.parametrize(
    "text",
    [
        "openai.BadRequestError: Error code: 400 - {'message': 'When using `tool_choice`, `tools` must be set.'}",
        "This change makes the parser raise a clearer message than before when a value is wrong.",
        "ERROR 10-20 11:18:05 [__init__.py:54] Failed to load plugin x\n" + GOES_ON,
    ],
)
def test_what_ends_no_server_is_left_alone(text: str) -> None:
    assert not causes(text + "\n")


def quoted(text: str) -> tuple[str, list[str]]:
    """The summary of the first finding, and its evidence with where it was read."""
    (report,), _ = diagnose_bundle([], text.encode())
    finding = report.findings[0]
    return finding.summary, [f"{item.where}: {item.observed}" for item in finding.evidence]


BF16 = "Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has 7.5."
KV = (
    "ValueError: The model's max seq len (32768) is larger than the maximum number of tokens that can be stored in KV "
    "cache (16832). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
)
NO_GPU = "ValueError: Current node has no GPU available. vLLM engine cannot start without GPU."

PLUGIN = """\
# No devices found. Waiting indefinitely

I1204 07:31:31.764138       1 main.go:235] "Starting NVIDIA Device Plugin" version=<
I1204 07:31:31.764189       1 main.go:238] Starting FS watcher for /var/lib/kubelet/device-plugins
"""


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        (f"# {BF16}\n\nHow can I run it all the same?\n", f"line 1: {BF16}"),
        (f"My pod ends with an error\n\n` {KV}`\n\nwhat should I change?\n", f"line 3: {KV}"),
        (f"[Bug] Unable to launch it\n\nIt fails with\n\n```{NO_GPU}```\n", f"line 5: {NO_GPU}"),
        (PLUGIN, "line 1: nvidia-device-plugin: No devices found. Waiting inde"),
    ],
    ids=["title", "span", "fence", "heading"],
)
def test_of_a_post_the_sentence_alone_is_quoted(text: str, evidence: str) -> None:
    _, (shown,) = quoted(text)
    assert shown.startswith(evidence)
    assert len(shown) <= len(evidence) + 20


def test_what_argparse_says_ends_where_its_quotation_does() -> None:
    refused = "argument --pipeline-parallel-size/-pp: invalid int value: '8000:8000'"
    summary, _ = quoted(f"I get: `api_server.py: error: {refused}`\n\nI've read the docs.\n")
    assert summary == f"vLLM refuses its arguments: {refused}"


def test_bold_words_and_code_are_quoted_without_their_marks() -> None:
    said = (
        "`[rank4]:[E304 12:54:52.1 ProcessGroupNCCL.cpp:616] [Rank 4] {}Watchdog caught collective operation timeout:{}"
    )
    work = " WorkNCCL(SeqNum=1, OpType=_ALLGATHER_BASE, NumelIn=8080, Timeout(ms)=600000) ran for 600049 milliseconds"
    summary, shown = quoted(said.format("**", "**") + work)
    assert "[rank4]" in summary
    assert not any(mark in " ".join((summary, *shown)) for mark in ("**", "`"))


def test_the_stage_is_told_only_of_a_log_that_came_to_one() -> None:
    ended = 'Traceback (most recent call last):\n  File "/vllm/a.py", line 1, in f\n' + RANK
    assert not any("stage: " in item for item in quoted(ended)[1])
    assert any("stage: " in item for item in quoted((DATA / "logs" / "fail-weights-oom.log").read_text())[1])
