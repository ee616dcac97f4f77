"""Posts with what a program said between fences, in their title, or told in sentences; and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.diagnosis.findings import LIKENED, Finding, Report
from vops.operations.intake.bundle import diagnose_bundle

STARTED = "docker run --gpus all \\\n{} vllm/vllm-openai:v0.9.2 --model org/model\n".format("  --env A=b \\\n" * 14)
TITLED = "# {}\n\n```text\n" + STARTED + "```\n"
RAISED = (
    'Traceback (most recent call last):\n  File "/app/x.py", line 3, in f\n    g()\nValueError: Duplicate layer: a.0'
)
NCCL = RAISED.replace("ValueError: Duplicate layer: a.0", "RuntimeError: NCCL error: unhandled system error")
POST = f"I start it like this.\n\n```\n{RAISED}\n```\n\nThe model was trained on CPU, and it worked with v0.8.\n"
SIGQUIT = "[2025-09-04 07:12:21] Received sigquit from a child process. It usually means the child failed.\n"
CAUGHT = (
    "[rank26]:[E222 10:14:23.118840113 ProcessGroupNCCL.cpp:616] [Rank 26] Watchdog caught collective operation "
    "timeout: WorkNCCL(SeqNum=3, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600011 milliseconds before timing out.\n"
)
REFUSED = 'The Deployment "vllm" is invalid: spec.template.spec.containers[0].volumeMounts[4].name: Not found: "models"'
TAINT = (
    "0/9 nodes are available: 2 node(s) had untolerated taint {nvidia.com/gpu: True}, 7 Insufficient nvidia.com/gpu."
)
SPILLS = "(raylet) f.cc:111: /tmp/ray/s is over 95% full, available space: 4; capacity: 9. It will fail."
WATCHDOG = "[2025-09-04 07:12:16] Scheduler watchdog timeout (self.watchdog_timeout=300)\n"


def reported(text: str) -> Report:
    (report,), _ = diagnose_bundle([], text.encode())
    return report


def by_rules(report: Report) -> list[Finding]:
    """What rules find, without what the words only sound like."""
    return [finding for finding in report.findings if finding.rule != LIKENED]


def causes(text: str) -> list[str]:
    return [finding.cause for finding in by_rules(reported(text))]


def test_a_fence_ends_what_a_program_said(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_text(POST)
    (of_a_file,), _ = diagnose_bundle([tmp_path], None)
    for report in (of_a_file, reported(POST)):
        shown = [item for finding in by_rules(report) for item in finding.evidence]
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


def test_ray_asks_for_room_where_it_writes() -> None:
    steps = reported(f"{SPILLS}\n").findings[0].fixes[0].steps
    assert "/tmp/ray" in steps[1]


def test_of_ranks_that_gave_up_the_operation_is_quoted() -> None:
    (finding,) = reported(f"{CAUGHT}terminate called after throwing an instance of 'c10::DistBackendError'\n").findings
    assert finding.cause == "nccl-failure"
    assert finding.evidence[0].where == "line 1"
    assert "Look at the rank that did not answer" in " ".join(finding.fixes[0].steps)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{REFUSED}\n", REFUSED),
        (f'It says "{REFUSED[:-16]}"\n', REFUSED[:-16]),
    ],
)
def test_a_quotation_of_a_sentence_is_closed(text: str, shown: str) -> None:
    assert [item.observed for finding in reported(text).findings for item in finding.evidence] == [shown]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"{TAINT}\n", "Change it at the workload that runs this pod."),
        (f"{SPILLS}\n", "Change it at the workload that this log came from."),
    ],
)
def test_only_of_a_log_it_is_said_that_it_came_from_somewhere(text: str, where: str) -> None:
    assert reported(text).findings[0].fixes[0].steps[0] == where


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("Error: Template error: template not found", "chat-template-missing"),
        (
            "I ask it from another pod: curl: (7) Failed to connect to vllm port 8000: Connection refused",
            "service-mismatch",
        ),
    ],
)
def test_what_is_told_in_a_sentence_is_a_cause(said: str, cause: str) -> None:
    assert causes(f"{said}\n")[:1] == [cause]


@pytest.mark.parametrize(
    "said",
    [
        "The service listens on 127.0.0.1 in the sidecar, and all of its clients reach it.",
        "With docker compose the service binds to localhost and cannot be reached from outside, which is what we want.",
        "curl: (7) Failed to connect to localhost port 8000 after 0 ms: Couldn't connect to server",
        "wget: can't connect to remote host (127.0.0.1): Connection refused",
        "No request was preempted, there is no KV-thrash and the latency is as it was.",
    ],
)
def test_what_goes_well_is_none(said: str) -> None:
    assert causes(f"{said}\n") == []


def test_statistics_of_a_process_with_an_underscore_are_read() -> None:
    line = "INFO 06-25 04:39:{} [metrics.py:486] Avg prompt throughput: 9.0 tokens/s, Avg generation throughput: 5.1 "
    rest = "tokens/s, Running: 50 reqs, Swapped: 0 reqs, Pending: {} reqs, GPU KV cache usage: 16.9%\n"
    lines = [f"(_EngineBackgroundProcess pid=7) {line.format(at)}{rest.format(900 + at)}" for at in range(10, 15)]
    assert causes("".join(lines)) == ["queue-saturated"]
