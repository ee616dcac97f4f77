"""Posts with what a program said between fences, in their title, or told in sentences; and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.diagnosis.findings import Report
from vops.operations.intake.bundle import diagnose_bundle

STARTED = "docker run --gpus all \\\n{} vllm/vllm-openai:v0.9.2 --model org/model\n".format("  --env A=b \\\n" * 14)
TITLED = "# {}\n\n```text\n" + STARTED + "```\n"
RAISED = (
    'Traceback (most recent call last):\n  File "/app/x.py", line 3, in f\n    g()\nValueError: Duplicate layer: a.0'
)
NCCL = RAISED.replace("ValueError: Duplicate layer: a.0", "RuntimeError: NCCL error: unhandled system error")
POST = f"I start it like this.\n\n```\n{RAISED}\n```\n\nThe model was trained on CPU, and it worked with v0.8.\n"
SIGQUIT = "[2025-09-04 07:12:21] Received sigquit from a child process. It usually means the child failed.\n"
WATCHDOG = "[2025-09-04 07:12:16] Scheduler watchdog timeout (self.watchdog_timeout=300)\n"


def reported(text: str) -> Report:
    (report,), _ = diagnose_bundle([], text.encode())
    return report


def causes(text: str) -> list[str]:
    return [finding.cause for finding in reported(text).findings]


def test_a_fence_ends_what_a_program_said(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_text(POST)
    (of_a_file,), _ = diagnose_bundle([tmp_path], None)
    for report in (of_a_file, reported(POST)):
        shown = [item for finding in report.findings for item in finding.evidence]
        assert [(item.where, item.observed) for item in shown][:1] == [("line 7", "ValueError: Duplicate layer: a.0")]


@pytest.mark.parametrize(
    ("title", "cause"),
    [
        ("[Bug]: api_server.py: error: unrecognized arguments: /models/Qwen3-8B", "bad-argument"),
        ("vllm serve: error: argument --port: invalid int value: 'x'", "bad-argument"),
        ("[Usage]: ModuleNotFoundError: No module named 'flash_attn'", "broken-install"),
    ],
)
def test_a_title_that_a_program_printed_is_read_above_a_long_post(title: str, cause: str) -> None:
    assert causes(TITLED.format(title)) == [cause]


@pytest.mark.parametrize(
    "title",
    [
        "[Feature]: support RuntimeError: retry on an NCCL timeout",
        "feat: clearer text for CUDA out of memory errors",
        "Release v0.9.2: fixed torch.OutOfMemoryError: CUDA out of memory",
        "What does `error: unrecognized arguments` mean?",
    ],
)
def test_a_title_that_somebody_wrote_tells_no_failure(title: str) -> None:
    assert causes(TITLED.format(title)) == []


@pytest.mark.parametrize(
    ("beside", "cause"),
    [
        ("The nodes run out of /dev/shm after some restarts.", "shm-too-small"),
        ("`df` says that /dev/shm is full.", "shm-too-small"),
        ("`df` says that /dev/shm is at 12 %.", "nccl-failure"),
    ],
)
def test_what_is_said_of_shared_memory_explains_what_nccl_says(beside: str, cause: str) -> None:
    assert causes(f"{beside}\n\n```\n{NCCL}\n```\n")[:1] == [cause]


def test_an_engine_that_kills_itself_is_not_out_of_memory() -> None:
    assert causes(f"{WATCHDOG}{SIGQUIT}Killed\n") == ["engine-wedged"]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("Error: Template error: template not found", "chat-template-missing"),
        (
            "The server binds to 127.0.0.1:30000 by default, so it cannot be reached through the Service: connection "
            "refused.",
            "service-mismatch",
        ),
        ("Hundreds of requests are preempted, KV-thrash in plain words, and the latency spikes.", "kv-thrash"),
    ],
)
def test_what_is_told_in_a_sentence_is_a_cause(said: str, cause: str) -> None:
    assert causes(f"{said}\n")[:1] == [cause]


@pytest.mark.parametrize(
    "said",
    [
        "The service listens on 127.0.0.1 in the sidecar, and all of its clients reach it.",
        "With docker compose the service binds to localhost and cannot be reached from outside, which is what we want.",
        "No request was preempted, there is no KV-thrash and the latency is as it was.",
    ],
)
def test_what_goes_well_is_none(said: str) -> None:
    assert causes(f"{said}\n") == []
