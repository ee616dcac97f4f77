"""What somebody pasted of a failure: one exception within a sentence, a line or a status; and what only sounds so."""

from __future__ import annotations

import json

import pytest

from vops.diagnosis.logs.reader import read_log
from vops.operations.intake.bundle import diagnose_bundle

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
