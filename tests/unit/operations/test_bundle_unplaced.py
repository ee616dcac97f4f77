"""What nobody said the namespace of is told in sentences and commands that can be read."""

from __future__ import annotations

import pytest

from vops.diagnosis.findings import Report
from vops.operations.intake.bundle import diagnose_bundle

QUOTA = (
    'Error creating: pods "vllm-6d5-x2" is forbidden: exceeded quota: team-a, requested: requests.memory=64Gi, '
    "used: requests.memory=200Gi, limited: requests.memory=256Gi"
)
STATE = """\
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
"""


def told(report: Report) -> list[str]:
    return [
        text for item in report.findings for text in (item.summary, *(step for fix in item.fixes for step in fix.steps))
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (QUOTA, "Quota team-a of its namespace leaves no room"),
        (QUOTA, "kubectl -n NAMESPACE edit resourcequota team-a"),
        (STATE, "Change it at the workload that runs this pod."),
    ],
)
def test_a_namespace_that_is_not_known_leaves_no_hole(text: str, expected: str) -> None:
    (report,), _ = diagnose_bundle([], text.encode())
    assert expected in "\n".join(told(report))
    assert not [line for line in told(report) if "-n  " in line or line.endswith(" of ")]


def test_one_that_is_known_is_named() -> None:
    table = f"""\
NAMESPACE   LAST SEEN   TYPE      REASON         OBJECT                MESSAGE
inference   2m          Warning   FailedCreate   replicaset/vllm-6d5   {QUOTA}
"""
    (report,), _ = diagnose_bundle([], table.encode())
    assert "Quota team-a of inference leaves no room" in "\n".join(told(report))
