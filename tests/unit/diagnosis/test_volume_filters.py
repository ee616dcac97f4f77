"""Volumes and device claims: what rules out every node, and which nodes cannot be reached."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_scheduling import (
    MODELS,
    ZONE,
    claim,
    device_claim,
    host,
    storage_class,
    volume,
)
from tests.unit.diagnosis.cluster_parts import node, pending, ready, world
from vops.diagnosis.placement.filters.volumes import Trouble
from vops.diagnosis.placement.recompute import Placement
from vops.model.snapshot import Source

LATE = storage_class(mode="WaitForFirstConsumer")
UNBOUND: dict[str, Any] = {"phase": "Pending", "volume": ""}


def placed(*objects: Any, without: Any = (), **asks: Any) -> Placement:
    return world(pending(**{"volumes": [MODELS], **asks}), *objects, without=without).replicas[0].placement


@pytest.mark.parametrize(
    ("objects", "trouble"),
    [
        ((), Trouble.MISSING),
        ((claim(namespace="elsewhere"),), Trouble.MISSING),
        ((claim(phase="Lost"),), Trouble.LOST),
        ((claim(deletionTimestamp="2026-11-24T02:59:00Z"),), Trouble.DELETING),
        ((claim(**UNBOUND), storage_class()), Trouble.UNBOUND),
        ((claim(**UNBOUND), LATE), None),
        ((claim(phase="Pending", volume="chosen"), LATE), Trouble.UNBOUND),
        ((claim(**UNBOUND, storage_class=None),), Trouble.UNBOUND),
        ((claim(modes=["ReadWriteOncePod"]), ready("o", volumes=[MODELS])), Trouble.IN_USE),
        ((claim(modes=["ReadWriteOncePod"]), ready("o", volumes=[MODELS], phase="Failed")), None),
        ((claim(), ready("o", volumes=[MODELS])), None),
    ],
)
def test_claims_that_rule_out_every_node(objects: Any, trouble: Trouble | None) -> None:
    found = [block.trouble for block in placed(node(), *objects).claim_blocks]
    assert found == ([] if trouble is None else [trouble])


def test_nothing_is_concluded_from_claims_and_classes_that_were_not_read() -> None:
    assert placed(node(), without=[Source.CLAIMS]).claim_blocks == ()
    assert placed(node(), claim(**UNBOUND), without=[Source.STORAGE_CLASSES]).claim_blocks == ()
    assert "volumes" in placed(node(), claim(), without=[Source.VOLUMES]).unchecked


def test_an_ephemeral_volume_has_the_claim_that_is_made_for_it() -> None:
    asks = {"volumes": [{"name": "cache", "ephemeral": {}}]}
    assert [block.name for block in placed(node(), **asks).claim_blocks] == ["llama-1-cache"]
    assert placed(node(), claim("llama-1-cache"), volume(), **asks).claim_blocks == ()


@pytest.mark.parametrize(
    ("zone", "key", "labels", "reached"),
    [
        ("a", ZONE, {ZONE: "a"}, True),
        ("b", ZONE, {ZONE: "a"}, False),
        ("b", ZONE, {}, False),
        ("a", "failure-domain.beta.kubernetes.io/zone", {ZONE: "a"}, True),
        ("gpu-1", "kubernetes.io/hostname", {"kubernetes.io/hostname": "gpu-2"}, False),
        ("", ZONE, {ZONE: "a"}, True),
    ],
)
def test_which_nodes_reach_a_volume(zone: str, key: str, labels: dict[str, str], reached: bool) -> None:
    (fit,) = placed(node(labels=labels), claim(), volume(zone=zone, key=key)).fits
    assert (not fit.volumes) is reached


def test_a_class_may_allow_some_zones_only() -> None:
    allowed = [{"matchLabelExpressions": [{"key": ZONE, "values": ["a"]}]}]
    there = storage_class(mode="WaitForFirstConsumer", allowedTopologies=allowed)
    fits = placed(host("x", "a"), host("y", "b"), claim(**UNBOUND), there).fits
    assert [bool(fit.volumes) for fit in fits] == [False, True]


DEVICES: dict[str, Any] = {"volumes": [], "gpus": 0, "resourceClaims": [{"name": "gpu", "resourceClaimName": "gpus"}]}
FROM_TEMPLATE = {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "gpus"}]}


@pytest.mark.parametrize(
    ("objects", "asks", "how"),
    [
        ((), {}, "not there"),
        ((), FROM_TEMPLATE, "not created from its template yet"),
        ((device_claim(reservedFor=[{"uid": str(i)} for i in range(256)], nodes=["gpu-1"]),), {}, "in use by 256 pods"),
        ((device_claim(),), {}, ""),
        ((device_claim(nodes=["gpu-1"]),), {}, ""),
    ],
)
def test_device_claims_that_rule_out_every_node(objects: Any, asks: dict[str, Any], how: str) -> None:
    blocks = placed(node(), *objects, **(DEVICES | asks)).device_blocks
    assert [block.how.startswith(how) for block in blocks] == ([True] if how else [])


def test_allocated_devices_are_on_their_nodes_only() -> None:
    fits = placed(node("gpu-1"), node("gpu-2"), device_claim(nodes=["gpu-2"]), **DEVICES).fits
    assert [bool(fit.devices) for fit in fits] == [True, False]


def test_the_claim_made_from_a_template_is_named_in_the_status() -> None:
    status = {"resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "gpus"}]}
    assert placed(node(), device_claim(), **(DEVICES | FROM_TEMPLATE), pod_status=status).device_blocks == ()
