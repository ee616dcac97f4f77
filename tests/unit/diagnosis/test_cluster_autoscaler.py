"""The Cluster Autoscaler's words and its status ConfigMap, in both formats."""

from __future__ import annotations

import msgspec
import pytest

from vops.diagnosis.provisioning.cluster_autoscaler import (
    group_named,
    is_limit,
    is_misfit,
    node_groups,
    reasons,
    scale_ups,
)
from vops.model.provisioning import ConfigMap

YAML = """time: 2026-11-24 02:59:04.558615784 +0000 UTC
autoscalerStatus: Running
clusterWide:
  scaleUp:
    status: InProgress
nodeGroups:
- name: https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-c/instanceGroups/gke-a-l4-40ce0341-grp
  health:
    status: Healthy
    nodeCounts:
      registered:
        total: 1
    cloudProviderTarget: 1
    minSize: 0
    maxSize: 4
  scaleUp:
    status: Backoff
    backoffInfo:
      errorCode: QUOTA_EXCEEDED
      errorMessage: 'Instance ''gke-a'' creation failed: Quota ''NVIDIA_L4_GPUS'' exceeded.
        Limit: 1.0 in region us-central1.'
    lastTransitionTime: "2026-11-24T02:50:22.549253146Z"
- name: eks-cpu-1a2b
  health:
    status: Healthy
    cloudProviderTarget: 3
    minSize: 1
    maxSize: 3
  scaleUp:
    status: InProgress
    lastTransitionTime: "2026-11-24T02:58:00Z"
  scaleDown:
    status: NoCandidates
    lastTransitionTime: "2026-11-20T00:00:00Z"
"""
TEXT = """Cluster-autoscaler status at 2023-11-24 04:28:19.546750398 +0000 UTC:
Cluster-wide:
  Health:      Healthy (ready=7 unready=0 notStarted=0 registered=7)
  ScaleUp:     NoActivity (ready=7 registered=7)

NodeGroups:
  Name:        gpu-asg
  Health:      Healthy (ready=0 unready=0 (resourceUnready=0) notStarted=0 cloudProviderTarget=0 (minSize=0, maxSize=4))
               LastProbeTime:      2023-11-24 04:28:19.4 +0000 UTC m=+48988.1
               LastTransitionTime: 2023-11-23 14:52:02.0 +0000 UTC m=+10.7
  ScaleUp:     Backoff (ready=0 cloudProviderTarget=0)
               LastProbeTime:      2023-11-24 04:28:19.4 +0000 UTC m=+48988.1
               LastTransitionTime: 2023-11-24 04:20:00.0 +0000 UTC m=+10.7
  ScaleDown:   NoCandidates (candidates=0)
               LastTransitionTime: 2023-11-20 01:00:00.0 +0000 UTC m=+10.7

"""


def status(text: str) -> tuple[ConfigMap, ...]:
    meta = {"name": "cluster-autoscaler-status", "namespace": "kube-system"}
    return (msgspec.convert({"kind": "ConfigMap", "metadata": meta, "data": {"status": text}}, ConfigMap),)


def test_the_status_tells_why_a_group_backs_off() -> None:
    backing_off, full = node_groups(status(YAML))
    assert (backing_off.status, backing_off.code, backing_off.at_most) == ("Backoff", "QUOTA_EXCEEDED", False)
    assert backing_off.message.endswith("exceeded. Limit: 1.0 in region us-central1.")
    assert backing_off.short == "gke-a-l4-40ce0341-grp"
    assert backing_off.since is not None
    assert backing_off.since.minute == 50
    assert (full.name, full.status, full.at_most) == ("eks-cpu-1a2b", "InProgress", True)
    assert full.since is not None
    assert (full.since.day, full.since.minute) == (24, 58)


def test_a_status_in_json_is_read_too() -> None:
    (group,) = node_groups(status('{"nodeGroups": [{"name": "a", "scaleUp": {"status": "Backoff"}}]}'))
    assert (group.name, group.status) == ("a", "Backoff")


def test_the_status_before_1_30_is_read_too() -> None:
    (group,) = node_groups(status(TEXT))
    assert (group.name, group.status, group.target, group.most) == ("gpu-asg", "Backoff", 0, 4)
    assert group.since is not None
    assert (group.since.hour, group.since.minute) == (4, 20)


@pytest.mark.parametrize(
    "text", ["", "Initializing", "nodeGroups: {", "- 1", "nodeGroups: [1, {}]", "\t: [", "- " * 5_000]
)
def test_a_broken_status_is_no_groups(text: str) -> None:
    assert all(not group.name for group in node_groups(status(text)))


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (
            "pod didn't trigger scale-up: 1 max node group size reached, 2 Insufficient nvidia.com/gpu",
            ("max node group size reached", "Insufficient nvidia.com/gpu"),
        ),
        (
            "pod didn't trigger scale-up (it wouldn't fit if a new node is added): 3 node(s) had taint {a: b}, that "
            "the pod didn't tolerate, 1 in backoff after failed scale-up",
            ("node(s) had taint {a: b}, that the pod didn't tolerate", "in backoff after failed scale-up"),
        ),
        ("pod didn't trigger scale-up: max total nodes in cluster reached", ("max total nodes in cluster reached",)),
        ("pod didn't trigger scale-up: ", ()),
        (
            "pod didn't trigger scale-up (it wouldn't fit if a new node is added)",
            ("it wouldn't fit if a new node is added",),
        ),
    ],
)
def test_reasons_are_taken_apart(message: str, found: tuple[str, ...]) -> None:
    assert reasons(message) == found


@pytest.mark.parametrize(
    ("reason", "limit", "misfit"),
    [
        ("max node group size reached", True, False),
        ("max total nodes in cluster reached", True, False),
        ("max cluster cpu, nvidia.com/gpu limit reached", True, False),
        ('exceeded quota: "gpus", resources: nvidia.com/gpu', True, False),
        ("in backoff after failed scale-up", False, False),
        ("not ready for scale-up", False, False),
        ("node(s) didn't match Pod's node affinity/selector", False, True),
        ("Insufficient nvidia.com/gpu", False, True),
    ],
)
def test_a_limit_is_told_from_a_misfit(reason: str, limit: bool, misfit: bool) -> None:
    assert (is_limit(reason), is_misfit(reason)) == (limit, misfit)


def test_groups_of_a_scale_up_are_read() -> None:
    (first, second) = scale_ups("pod triggered scale-up: [{gpu-a 0->1 (max: 4)} {gpu-b 2->3 (max: 3)}]")
    assert (first.group, first.now, first.new, first.most, second.group) == ("gpu-a", 0, 1, 4, "gpu-b")


@pytest.mark.parametrize(
    ("message", "group"),
    [
        ("Failed adding 1 nodes to group gpu-a due to OutOfResource.X; source errors: y", "gpu-a"),
        ("Scale-up failed for group gpu-a: googleapi: Error 403", "gpu-a"),
        ("Nodes added to group gpu-a failed to register within 15m1s", "gpu-a"),
        ("Max total nodes in cluster reached: 5", ""),
    ],
)
def test_the_group_of_a_failure_is_read(message: str, group: str) -> None:
    assert group_named(message) == group
