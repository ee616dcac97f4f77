"""A node's word that the kernel killed a server, beside events of pods that end again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.operations.intake.bundle import diagnose_bundle

KILLED = (
    "LAST SEEN   TYPE      REASON       OBJECT         MESSAGE\n"
    "11m         Warning   OOMKilling   node/gpu-1     Memory cgroup out of memory: Killed process 71234 (python3)\n"
)
ENDS = (
    "2m          Warning   BackOff      pod/{0}        Back-off restarting failed container vllm in pod {0}_llm(4d)\n"
)


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        (("vllm-a",), {"vllm-a": "host-oom"}),
        # which of the two it was is not told
        (("vllm-a", "vllm-b"), {"vllm-a": "unknown", "vllm-b": "unknown", "(not named)": "host-oom"}),
    ],
)
def test_the_only_pod_that_ends_is_the_one_that_was_killed(
    tmp_path: Path, pods: tuple[str, ...], expected: dict[str, str]
) -> None:
    events = tmp_path / "events.txt"
    events.write_text(KILLED + "".join(ENDS.format(name) for name in pods))
    reports, _ = diagnose_bundle([events], None)
    assert {report.subject.name: report.findings[0].cause for report in reports} == expected
