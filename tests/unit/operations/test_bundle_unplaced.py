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
    assert report.summary == report.findings[0].summary
    assert not [line for line in told(report) if "-n  " in line or line.endswith(" of ")]


def test_one_that_is_known_is_named() -> None:
    table = f"""\
NAMESPACE   LAST SEEN   TYPE      REASON         OBJECT                MESSAGE
inference   2m          Warning   FailedCreate   replicaset/vllm-6d5   {QUOTA}
"""
    (report,), _ = diagnose_bundle([], table.encode())
    assert "Quota team-a of inference leaves no room" in "\n".join(told(report))


REQUIRED = (
    "Error response from daemon: failed to create task for container: OCI runtime create failed: error running hook: "
    "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver"
)
API = (
    'HTTP response body: {"kind":"Status","status":"Failure","message":"pods \\"nb\\" is forbidden: exceeded quota: q, '
    'requested: limits.cpu=3, used: limits.cpu=139, limited: limits.cpu=140","reason":"Forbidden","code":403}'
)
KILLED = "Our pod was OOMKilled (exit 137) about every 1.5 days, a true kill for host memory."
TAKEN = (
    "E0705 08:07:40.219476 79386 chttp2_server.cc:1080] UNKNOWN:No address added out of total 1 resolved for "
    "'0.0.0.0:18001' {created_time:\"2024-07-05T08:07:40.219384819+00:00\", children:[UNKNOWN:Address already in use]}"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (REQUIRED, "is too old for its image: it needs cuda>=12.8"),
        (REQUIRED, "or use an image that is built for an older CUDA."),
        (API, "limits.cpu 139 of 140 used, 3 more asked"),
        (KILLED, "was killed for using more host memory than it may"),
        (KILLED, "or to a quarter more than its limit is now where that is higher."),
        (TAKEN, "Port 18001 is taken"),
    ],
)
def test_what_was_not_handed_in_is_not_made_up(text: str, expected: str) -> None:
    (report,), _ = diagnose_bundle([], text.encode())
    assert expected in "\n".join(told(report))
