"""The scheduler's words alone: which of its reasons counts, when no node can be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_scheduling import NO_VICTIMS, NOT_HELPFUL, UNREAD
from tests.unit.diagnosis.cluster_parts import deployment, event, node, pending, replicaset, world
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Applicability, Confidence, Finding

MODERN_HELPLESS = (
    " no new claims to deallocate, preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling."
)
MODERN_MIXED = (
    " no new claims to deallocate, preemption: 0/6 nodes are available: 3 No preemption victims found for incoming pod"
    ", 3 Preemption is not helpful for scheduling."
)
CONTROL_PLANE = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "


def found(*objects: Any, without: Any = UNREAD) -> list[Finding]:
    facts = world(*objects, deployment(), replicaset(), without=without)
    return [item for item in diagnose(facts, facts.replicas[0].ref).findings if not item.guessed]


def causes(reasons: str, **asks: Any) -> list[str]:
    pod = pending(f"0/6 nodes are available: {reasons}", owner="llama", **asks)
    return [finding.cause for finding in found(pod)]


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (f"{CONTROL_PLANE}5 Insufficient nvidia.com/gpu.", ["gpu-exhausted"]),
        (f"{CONTROL_PLANE}5 node(s) didn't match Pod's node affinity/selector.", ["node-selector-mismatch"]),
        (
            "2 Insufficient nvidia.com/gpu, 4 node(s) had untolerated taint {nvidia.com/gpu: present}.",
            ["untolerated-taint"],
        ),
        (
            "2 Insufficient nvidia.com/gpu, 4 node(s) had taint {sku: gpu}, that the pod didn't tolerate.",
            ["untolerated-taint"],
        ),
        ("2 Insufficient nvidia.com/gpu, 4 node(s) had untolerated taint {team: ads}.", ["gpu-exhausted"]),
        ("1 node(s) were unschedulable, 5 node(s) had untolerated taint {team: ads}.", ["untolerated-taint"]),
        (
            "1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 5 Insufficient cpu.",
            ["cpu-memory-short"],
        ),
        ("6 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.", ["node-unavailable"]),
        ("1 Insufficient memory, 5 Insufficient nvidia.com/gpu.", ["cpu-memory-short"]),
        ("6 Insufficient memory, 6 Insufficient nvidia.com/gpu.", ["gpu-exhausted"]),
        ("2 node(s) didn't match pod anti-affinity rules, 4 Insufficient nvidia.com/gpu.", ["spread-or-affinity"]),
        ("2 node(s) didn't match pod topology spread constraints, 4 Insufficient cpu.", ["spread-or-affinity"]),
        ("2 node(s) had volume node affinity conflict, 4 Insufficient nvidia.com/gpu.", ["volume-zone-conflict"]),
        ("2 node(s) didn't match PersistentVolume's node affinity, 4 Too many pods.", ["volume-zone-conflict"]),
        ("6 node(s) didn't find available persistent volumes to bind.", ["pvc-unbound"]),
        ("6 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).", ["pvc-unbound"]),
        ('persistentvolumeclaim "models" not found.', ["pvc-unbound"]),
        ("pod has unbound immediate PersistentVolumeClaims.", ["pvc-unbound"]),
        ("6 cannot allocate all claims. still not schedulable", ["dra-claim-pending"]),
        ("request gpu: device class gpu.nvidia.com does not exist.", ["dra-claim-pending"]),
        # nodes without the taint have no GPUs, even when empty: the tainted ones may have them
        (
            f"2 Insufficient nvidia.com/gpu, 4 node(s) had untolerated taint(s).{MODERN_HELPLESS}",
            ["untolerated-taint", "gpu-not-advertised"],
        ),
        # nodes that would do when emptied are there, whatever the taints of the others
        (f"3 Insufficient nvidia.com/gpu, 3 node(s) had untolerated taint(s).{MODERN_MIXED}", ["gpu-exhausted"]),
    ],
)
def test_the_reason_that_counts(reasons: str, expected: list[str]) -> None:
    assert causes(reasons) == expected


@pytest.mark.parametrize(
    ("says", "gpus", "cause", "confidence"),
    [
        (NO_VICTIMS, 1, "gpu-exhausted", Confidence.PROBABLE),
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", 1, "gpu-exhausted", Confidence.POSSIBLE),
        (NOT_HELPFUL, 1, "gpu-not-advertised", Confidence.PROBABLE),
        (NOT_HELPFUL, 4, "gpu-request-too-large", Confidence.POSSIBLE),
    ],
)
def test_newer_schedulers_tell_taken_from_absent(says: str, gpus: int, cause: str, confidence: Confidence) -> None:
    (finding,) = found(pending(says, gpus=gpus))
    assert (finding.cause, finding.confidence) == (cause, confidence)


def test_a_named_taint_gives_a_toleration_that_asks() -> None:
    says = "0/3 nodes are available: 3 node(s) had untolerated taint {nvidia.com/gpu: present}."
    (finding,) = found(pending(says, owner="llama"))
    assert finding.fixes[0].params["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert finding.fixes[0].applicability is Applicability.ASK


def test_a_node_that_may_be_reclaimed_is_not_tolerated() -> None:
    says = "0/3 nodes are available: 3 node(s) had untolerated taint {cloud.google.com/gke-spot: true}."
    (finding,) = found(pending(says, owner="llama"))
    assert (finding.cause, finding.fixes[0].runbook) == ("untolerated-taint", "")


def test_an_event_is_heard_where_there_is_no_condition() -> None:
    said = event("FailedScheduling", "0/3 nodes are available: 3 Insufficient memory.")
    (finding,) = found(pending(conditions=[]), said)
    assert (finding.cause, finding.evidence[0].source) == ("cpu-memory-short", "event")


def test_gpus_that_pods_hold_which_were_not_read() -> None:
    """Nodes were read and a node seems free; the scheduler knows of pods in namespaces that may not be read."""
    (finding,) = found(pending("0/1 nodes are available: 1 Insufficient nvidia.com/gpu."), node(), without=())
    assert (finding.cause, finding.confidence) == ("gpu-exhausted", Confidence.PROBABLE)
    assert "gpu-1" in finding.fixes[1].title


def test_objects_that_tell_an_obstacle_are_believed_first() -> None:
    says = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    (finding,) = found(pending(says, nodeSelector={"zone": "b"}), node(), without=())
    assert (finding.cause, finding.confidence) == ("node-selector-mismatch", Confidence.PROBABLE)
    assert says in [item.observed for item in finding.evidence]


def test_a_cluster_without_nodes() -> None:
    (finding,) = found(pending("no nodes available to schedule pods"))
    assert finding.cause == "node-unavailable"


def test_a_taint_without_a_name_is_only_possible() -> None:
    (finding,) = found(pending("6 node(s) had untolerated taint(s)."))
    assert (finding.cause, finding.confidence) == ("untolerated-taint", Confidence.POSSIBLE)
