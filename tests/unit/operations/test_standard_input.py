"""A log that is piped in says what it says as a file: `kubectl logs POD | vops diagnose -`."""

from __future__ import annotations

from pathlib import Path

from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.intake.bundle_files import Content, read_files

CASES = Path(__file__).parents[2] / "data" / "cases"
ALONE = [path for folder in sorted(CASES.iterdir()) if len(names := [*folder.iterdir()]) == 2 for path in names]
BY_FORM = {
    "gp-wrap-indent-json",
    "gp-client-json",
    "la-codelab-limit-mm",
    "lbok-context-400",
    "e1-ok-mistral-regex",
    "lcok-tokenizer-warn",
}
"""A message wrapped in JSON or YAML, or a warning that is all advice: only the name of a file calls them a log."""

LOGS = [path for path in ALONE if path.suffix == ".log" and path.parent.name not in BY_FORM]


def first(stdin: bytes) -> str:
    reports, _ = diagnose_bundle([], stdin)
    return next((finding.cause for report in reports for finding in report.findings), "")


def test_a_log_on_standard_input_is_read_as_a_file_is() -> None:
    assert len(LOGS) > 900
    assert [log.parent.name for log in LOGS if kinds([log], None) != kinds([], log.read_bytes())] == []


def kinds(paths: list[Path], stdin: bytes | None) -> list[tuple[Content, bytes]]:
    """What it is taken for, part by part, and the text that is read."""
    files, _ = read_files(paths, stdin)
    return [(file.content, file.body) for file in files]


def test_a_record_of_a_logger_over_several_lines_is_a_log() -> None:
    record = b"""{"level": "ERROR", "message": "ImportError: No module named\n'vllm'"}"""
    assert first(record) == "broken-install"


def test_a_log_in_utf16_is_read_on_standard_input() -> None:
    text = "(EngineCore_DP0 pid=2) ERROR 10-20 02:11:04 [core.py:7] torch.OutOfMemoryError: CUDA out of memory.\n"
    assert first(text.encode("utf-16")) == first(text.encode())
    assert first(text.encode()).startswith("cuda-oom")
