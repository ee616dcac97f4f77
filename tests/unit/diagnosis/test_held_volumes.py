"""Volumes that another node or pod has, and volumes in another zone: who holds them, and what comes first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_scheduling import (
    MODELS,
    UNREAD,
    ZONE,
    attaching,
    claim,
    host,
    one_pod_claim,
    volume,
    waits_for,
)
from tests.unit.diagnosis.cluster_parts import event, node, pending, pod, ready, waiting, world
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Finding

GONE = (
    'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and '
    "can't be attached to another"
)
ATTACH = 'AttachVolume.Attach failed for volume "pvc-1" : '
BUSY = (
    GONE,
    'Multi-Attach error for volume "pvc-1" Volume is already used by 2 pod(s) in different namespaces',
    ATTACH
    + 'rpc error: code = Internal desc = Could not attach volume "vol-1" to node "i-2": VolumeInUse: vol-1 is in use',
    ATTACH
    + "googleapi: Error 400: RESOURCE_IN_USE_BY_ANOTHER_RESOURCE - The disk 'd' is already being used by 'gke-1'",
    ATTACH + "disk(/subscriptions/x) already attached to node(aks-1), could not be attached to node(aks-2)",
)


def findings(facts: Facts) -> list[Finding]:
    return list(diagnose(facts, facts.replicas[0].ref).findings)


def causes(facts: Facts) -> list[tuple[str, tuple[str, ...]]]:
    return [(item.cause, item.because) for item in findings(facts)]


@pytest.mark.parametrize("message", BUSY)
def test_every_way_to_say_that_a_volume_is_elsewhere(message: str) -> None:
    new = pod(node="gpu-2", status=waiting("ContainerCreating"), phase="Pending", volumes=[MODELS])
    (finding,) = findings(world(new, node(), node("gpu-2"), claim(), event("FailedAttachVolume", message)))
    assert (finding.cause, "pvc-1" in finding.summary) == ("multi-attach", True)


def test_a_kubelet_that_still_waits_for_its_volumes_has_not_got_past_attaching() -> None:
    new = pod(node="gpu-2", status=waiting("ContainerCreating"), phase="Pending", volumes=[MODELS])
    waits = "Unable to attach or mount volumes: unmounted volumes=[models], unattached volumes=[models]"
    said = (event("FailedAttachVolume", GONE), event("FailedMount", waits))
    (finding,) = findings(world(new, node(), node("gpu-2"), claim(), *said))
    assert finding.cause == "multi-attach"


@pytest.mark.parametrize(
    "message",
    [
        ATTACH + "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
        ATTACH + "volume attachment is being deleted",
    ],
)
def test_other_failures_to_attach_are_not_of_another_node(message: str) -> None:
    new = pod(node="gpu-2", status=waiting("ContainerCreating"), phase="Pending", volumes=[MODELS])
    found = causes(world(new, node("gpu-2"), claim(), event("FailedAttachVolume", message)))
    assert "multi-attach" not in dict(found)


def test_the_holder_is_told_from_the_claim_where_the_event_is_silent() -> None:
    new = pod("new", node="gpu-2", status=waiting("ContainerCreating"), phase="Pending", volumes=[MODELS])
    said = event("FailedAttachVolume", GONE, name="new")
    (finding,) = findings(world(new, ready("other", volumes=[MODELS]), node(), node("gpu-2"), claim(), said))
    assert "serving/other on gpu-1" in finding.summary


def test_a_rolling_update_that_waits_for_its_own_volume_never_ends() -> None:
    root, consequence = findings(attaching())
    assert (root.cause, consequence.because) == ("rollout-volume-conflict", ("rollout-volume-conflict",))
    assert "llama-old" in root.summary
    assert (root.fixes[0].runbook, root.fixes[0].params["target"]) == ("fix-volume-rollout", "deployment/llama")


def test_one_that_may_stop_the_old_pod_first_ends() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert causes(attaching(strategy=rolling)) == [("multi-attach", ())]


def test_a_lost_node_keeps_its_volume() -> None:
    root, consequence = findings(attaching(node(ready=False), node("gpu-2"), old=ready("llama-old", volumes=[MODELS])))
    assert (root.cause, consequence.cause) == ("node-lost", "multi-attach")
    assert "out-of-service" in " ".join(root.fixes[0].steps)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("llama", [("rollout-volume-conflict", ()), ("multi-attach", ("rollout-claim-conflict",))]),
        ("mistral", [("multi-attach", ())]),
    ],
)
def test_a_claim_for_one_pod_only(owner: str, expected: list[Any]) -> None:
    says = (
        "0/1 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode "
        "already in-use by another pod."
    )
    assert causes(one_pod_claim(owner=owner, says=says)) == expected


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        # free GPUs, in another zone
        ((host("x", "b"),), [("volume-zone-conflict", ())]),
        # taken where the volume is, free where it is not
        (
            (host("x", "a"), host("y", "b"), ready("o", node="x")),
            [("volume-zone-conflict", ()), ("gpu-exhausted", ("volume-zone-conflict",))],
        ),
        # taken everywhere
        ((host("x", "a"), host("y", "b"), ready("o", node="x"), ready("p", node="y")), [("gpu-exhausted", ())]),
        # free where it is
        ((host("x", "a"), host("y", "b")), []),
    ],
)
def test_a_volume_pins_the_pod_to_its_zone(objects: Any, expected: list[Any]) -> None:
    assert causes(waits_for(*objects, claim(), volume(zone="a"))()) == expected


def test_the_zone_and_the_nodes_outside_it_are_named() -> None:
    (finding,) = findings(waits_for(host("x", "b"), claim(), volume(zone="a"))())
    assert f"{ZONE}=a" in finding.summary
    assert "node x" in finding.summary
    assert "do not delete the old claim" in " ".join(finding.fixes[0].steps)


def test_a_disk_of_a_node_names_the_node() -> None:
    disk = volume(zone="gone-1", key="kubernetes.io/hostname")
    (finding,) = findings(waits_for(host("x"), claim(), disk)())
    assert "bring that node back" in finding.fixes[0].steps[0]


def test_a_zone_conflict_is_heard_of_where_volumes_cannot_be_read() -> None:
    says = "0/2 nodes are available: 2 node(s) had no available volume zone."
    (finding,) = findings(world(pending(says, volumes=[MODELS]), without=UNREAD))
    assert (finding.cause, "models" in finding.summary) == ("volume-zone-conflict", True)
