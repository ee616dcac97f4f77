"""A log that is piped in says what it says as a file: `kubectl logs POD | vops diagnose -`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.eval.cases import NOTHING
from tests.eval.judge import NOT_A_FAULT
from vops.operations.intake.bundle import diagnose_bundle

CASES = Path(__file__).parents[2] / "data" / "cases"
ALONE = [path for folder in sorted(CASES.iterdir()) if len(names := [*folder.iterdir()]) == 2 for path in names]
LOGS = [path for path in ALONE if path.suffix == ".log" and ".previous." not in path.name]
SHARDS = 8
BY_FORM = {"gp-wrap-indent-json", "gp-client-json"}
"""JSON without a logger's keys: only the name of a file tells that it is a log."""


def first(stdin: bytes) -> str:
    reports, _ = diagnose_bundle([], stdin)
    found = (finding.cause for report in reports for finding in report.findings)
    return next((cause for cause in found if cause not in NOT_A_FAULT), "")


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_log_on_standard_input_is_read_as_a_file_is(shard: int) -> None:
    logs = [log for log in LOGS[shard::SHARDS] if log.parent.name not in BY_FORM]
    assert len(logs) > 50
    found = {log.parent.name: first(log.read_bytes()) for log in logs}
    assert {name: cause for name, cause in found.items() if cause not in accepted(name)} == {}


def accepted(name: str) -> set[str]:
    truth = tomllib.loads((CASES / name / "truth.toml").read_text())
    causes = {truth["cause"], *truth.get("or", ())}
    return {"" if cause in NOT_A_FAULT | {NOTHING} else cause for cause in causes}


def test_a_record_of_a_logger_over_several_lines_is_a_log() -> None:
    record = b"""{"level": "ERROR", "message": "ImportError: No module named\n'vllm'"}"""
    assert first(record) == "broken-install"


def test_a_log_in_utf16_is_read_on_standard_input() -> None:
    text = "(EngineCore_DP0 pid=2) ERROR 10-20 02:11:04 [core.py:7] torch.OutOfMemoryError: CUDA out of memory.\n"
    assert first(text.encode("utf-16")) == first(text.encode())
    assert first(text.encode()).startswith("cuda-oom")
