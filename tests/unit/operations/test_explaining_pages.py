"""Pages, plans and wishes as files of a bundle: none of what they speak of has happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.diagnosis.test_explained import ANSWER, CHANGE, REPORT
from vops.operations.intake.bundle import diagnose_bundle

PAGE = f"""{ANSWER}
`kubectl get events` may show an error like this:

```
8s   Warning   FailedMount   pod/vllm-0   MountVolume.SetUp failed for volume "pvc-1" : context deadline exceeded
```

## Configuration

```yaml
apiVersion: v1
kind: Pod
metadata:
  name: my-pod
status:
  phase: Pending
```
"""
EVENT = '8s   Warning   FailedMount   pod/vllm-0   MountVolume.SetUp failed for volume "pvc-1" : timed out\n'


def _causes(paths: list[Path], stdin: str | None = None) -> list[str]:
    reports, _ = diagnose_bundle(paths, stdin.encode() if stdin is not None else None)
    return [finding.cause for report in reports for finding in report.findings]


@pytest.mark.parametrize("text", [PAGE, CHANGE])
@pytest.mark.parametrize("name", ["page.md", "page.txt"])
def test_a_page_has_no_findings_and_tells_why(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    reports, problems = diagnose_bundle([tmp_path], None)
    assert [report.state for report in reports] == ["unknown"]
    assert all(report.summary.startswith("Nothing in this text tells of a failure") for report in reports)
    assert not any(report.findings for report in reports)
    assert any("reports nothing that happened" in item for item in problems)


def test_a_page_on_standard_input_has_no_findings() -> None:
    assert _causes([], PAGE) == []


def test_beside_events_a_page_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text(PAGE.replace("FailedMount", "FailedAttachVolume"))
    (tmp_path / "events.txt").write_text(f"LAST SEEN   TYPE   REASON   OBJECT   MESSAGE\n{EVENT}")
    assert _causes([tmp_path]) == ["mount-failed"]


def test_a_report_with_the_same_event_is_heard(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_text(f"{REPORT}\n```\n{EVENT}```\n")
    assert _causes([tmp_path]) == ["mount-failed"]


def test_remarks_in_a_manifest_do_not_make_a_page_of_it() -> None:
    remarks = "# If you want, you can set this. You may also use another name when you should need it.\n" * 4
    pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: vllm-0\nspec:\n  containers:\n  - name: vllm\n"
    waits = 'status:\n  phase: Pending\n  conditions:\n  - type: PodScheduled\n    status: "False"\n'
    why = "    reason: Unschedulable\n    message: '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'\n"
    assert _causes([], f"{remarks}{pod}{waits}{why}")[:1] == ["gpu-exhausted"]
