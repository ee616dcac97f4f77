"""What people say around a line that they quote, where nothing is made of the line; and what they say of what is "
"well."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.diagnosis.findings import LIKENED, Report
from vops.operations.intake.bundle import diagnose_bundle

FROM_ZERO = (
    "- With a ScaledObject it stays at 0 replicas and never wakes: there is no pod that has the metric.\n"
    "- A request: curl fails with `Could not resolve host`, because the Service has no endpoints.\n"
)
OF_KUBELET = (
    'vllm-1  | {}0414 11:06:{}.642477 1274 operation_generator.go:712] MountVolume.SetUp {} for volume "models"{}\n'
)
RETRIED = OF_KUBELET.format("E", 27, "failed", " of the pod: the driver is not up, and it hangs") + OF_KUBELET.format(
    "I", 31, "succeeded", ""
)


def causes(folder: Path, **texts: str) -> list[str]:
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)
    return _of_rules(diagnose_bundle([folder], None)[0])


def _of_rules(reports: list[Report]) -> list[str]:
    """What rules find, whatever the words of a text sound like."""
    return [item.cause for report in reports for item in report.findings if item.rule != LIKENED]


def test_prose_around_a_line_counts_where_nothing_is_made_of_the_line(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_text(FROM_ZERO)
    for reports, _ in (diagnose_bundle([tmp_path], None), diagnose_bundle([], FROM_ZERO.encode())):
        first = reports[0].findings[0]
        assert (first.cause, first.rule) == ("replicas-zero", LIKENED)


def test_what_the_line_tells_counts_for_more(tmp_path: Path) -> None:
    text = f"{FROM_ZERO}\n\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
    assert "replicas-zero" not in causes(tmp_path, post_md=text)


def test_a_log_is_no_prose_by_its_name_or_by_what_stands_before_its_lines(tmp_path: Path) -> None:
    assert causes(tmp_path, server_log=FROM_ZERO) == []
    assert causes(tmp_path, server_log="", kubelet_txt=RETRIED) == []


@pytest.mark.parametrize(
    "text",
    [
        "Our autoscaler scales the GPU node pool down to zero at night. The first pod is Pending for 6 minutes "
        "until the "
        "node is there, and then all is well.",
        "We run a 70B with --tensor-parallel-size 4 on four GPUs, while the small model has only one GPU. Both serve "
        "without errors.",
        "A GPU fell off the bus last week. We drained the node and replaced it, and the pods came back on another "
        "node.",
        "NCCL init takes 20 seconds on our two nodes over RoCE and then the server starts. No errors.",
        "If the quota in the region is exceeded, the node pool cannot grow and pods stay pending. Ask for more in "
        "time.",
        "kubectl describe node shows nvidia.com/gpu: 8 under Allocatable, 7 of them are in use, and our pod got the "
        "last.",
        "Before each rollout we cordon the node; the pods are scheduled to other nodes and nothing is pending.",
        "With version 0.10 the EngineCore died under load. Since the upgrade to 0.11 it has served for three weeks.",
        "The HPA is at its maximum of 8 replicas during the daily peak; latency stays within the SLO.",
        "$ kubectl get hpa -w\nNAME   REFERENCE         TARGETS         MINPODS   MAXPODS   REPLICAS   AGE\n"
        "chat   Deployment/chat   <unknown>/5     1         6         0          0s\n"
        "chat   Deployment/chat   0/5             1         6         1          60s\n",
        "An observation, not a bug: at a constant 10 RPS the autoscaler reaches its maximum at once, and latency is "
        "up.",
        "A check of the safetensors shows that no file is truncated, and the model loads in 40 s.",
    ],
)
def test_what_people_say_of_what_is_well_is_no_finding(tmp_path: Path, text: str) -> None:
    assert causes(tmp_path, post_md=text) == []


def test_a_post_is_not_called_as_the_pod_whose_log_it_quotes(tmp_path: Path) -> None:
    (tmp_path / "issue.md").write_text("It ends with\n\nPermissionError: [Errno 13] Permission denied: '/.cache'\n")
    (report,), _ = diagnose_bundle([tmp_path], None)
    assert (report.subject.name, report.findings[0].cause) == ("(not named)", "permission-denied")
    (tmp_path / "issue.md").rename(tmp_path / "llama-0.log")
    assert diagnose_bundle([tmp_path], None)[0][0].subject.name == "llama-0"
