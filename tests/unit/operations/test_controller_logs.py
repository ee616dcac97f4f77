"""What Karpenter's and the Cluster Autoscaler's own logs tell of pods and machines."""

from __future__ import annotations

import json

import pytest

from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.printed.controller_logs import controller_events

UNPLACED = {
    "level": "ERROR",
    "logger": "controller.provisioner",
    "message": 'Could not schedule pod, incompatible with nodepool "gpu", no instance type has enough resources',
    "pod": "serving/llama-0",
}
REFUSED = {
    "level": "ERROR",
    "logger": "controller",
    "message": "failed launching nodeclaim",
    "NodeClaim": {"name": "gpu-x7k2p"},
    "error": "creating instance, InsufficientInstanceCapacity: no capacity in us-east-1a",
}
BACKOFF = (
    "W0611 09:14:02.120401       1 clusterstate.go:296] Disabling scale-up for node group mig-gpu until 09:19:02; "
    "errorClass=OutOfResource; errorCode=RESOURCE_POOL_EXHAUSTED"
)
IGNORED = (
    "I0611 09:14:02.120401       1 scale_up.go:300] Pod serving/llama-0 can't be scheduled on asg-gpu, predicate "
    "checking error: node(s) had untolerated taint"
)
FLEET = (
    "2022-03-22T10:27:54.159Z        ERROR   controller.provisioning Could not launch node, launching instances, with "
    'fleet error(s), MaxSpotInstanceCountExceeded: Max spot instance count exceeded    {"provisioner": "default"}'
)
UNSUITED = json.dumps({"error": "no instance type met the scheduling requirements or had a required offering"})


@pytest.mark.parametrize(
    ("line", "reason", "about"),
    [
        (json.dumps(UNPLACED), "FailedScheduling", ("Pod", "llama-0")),
        (json.dumps(REFUSED), "InsufficientCapacityError", ("NodeClaim", "gpu-x7k2p")),
        (BACKOFF, "ScaleUpFailed", ("ConfigMap", "cluster-autoscaler-status")),
        (IGNORED, "NotTriggerScaleUp", ("Pod", "llama-0")),
        (f"ca-6dbc-fv5w7 cluster-autoscaler {IGNORED}", "NotTriggerScaleUp", ("Pod", "llama-0")),
        (f"[pod/ca-6dbc-fv5w7/ca] {IGNORED}", "NotTriggerScaleUp", ("Pod", "llama-0")),
        (FLEET, "InsufficientCapacityError", ("NodeClaim", "pool-0")),
        (UNSUITED, "FailedScheduling", ("Pod", "")),
    ],
)
def test_a_line_amounts_to_an_event(line: str, reason: str, about: tuple[str, str]) -> None:
    (told,) = controller_events(line)
    assert (told.reason, told.about["kind"], told.about["name"]) == (reason, *about)


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"INFO","logger":"controller","message":"launched nodeclaim","NodeClaim":{"name":"gpu-1"}}',
        "I0611 09:14:02.120401       1 static_autoscaler.go:1] No unschedulable pods",
        '{"level":"ERROR","logger":"other","message":"Could not schedule pod, at all"}',
        "{" * 2_000,
        '{"error":"could not parse the request body"}',
        "2022-03-22T10:27:56.411Z        INFO    controller.provisioning Launched instance: i-0a1b    {}",
    ],
)
def test_other_lines_are_passed_over(line: str) -> None:
    assert list(controller_events(line)) == []


def test_such_a_log_alone_names_the_cause() -> None:
    reports, problems = diagnose_bundle([], json.dumps(REFUSED).encode() + b"\n")
    assert (reports[0].findings[0].cause, problems) == ("gpu-stockout", [])


def test_a_line_whose_end_was_cut_off_is_read_as_far_as_it_goes() -> None:
    (told,) = controller_events(json.dumps(REFUSED)[:-12])
    assert (told.reason, told.message) == ("InsufficientCapacityError", str(REFUSED["error"])[:-10])


def test_an_answer_of_azure_is_told_without_what_was_asked() -> None:
    answer = '{\n  "error": {\n    "code": "OperationNotAllowed",\n    "message": "exceeding approved NC Cores quota."'
    asked = f"BeginCreateOrUpdate failed: PUT https://a/b\nERROR CODE: OperationNotAllowed\n---\n{answer}"
    (told,) = controller_events(json.dumps({"level": "ERROR", "logger": "controller.x", "message": asked}))
    assert told.message == "OperationNotAllowed: exceeding approved NC Cores quota."


PULL = 'time="2025-11-12T10:21:12Z" level={} msg="PullImage {} {}"{}'
FAILED = PULL.format("error", r"\"hub/a:1\"", "failed", ' error="failed to copy: unexpected EOF"')


@pytest.mark.parametrize(
    ("later", "cause"),
    [
        ("", ["registry-unreachable"]),
        (PULL.format("info", r"\"hub/b:1\"", r"returns image reference \"sha256:1\"", ""), ["registry-unreachable"]),
        (PULL.format("info", r"\"hub/a:1\"", r"returns image reference \"sha256:1\"", ""), []),
    ],
    ids=["alone", "another image came", "it came"],
)
def test_a_runtimes_log_tells_of_a_pull_until_the_image_came(later: str, cause: list[str]) -> None:
    reports, _ = diagnose_bundle([], f"{FAILED}\n{later}\n".encode())
    assert [finding.cause for finding in reports[0].findings] == cause
