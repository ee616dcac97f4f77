"""`gpu.fit` where counting is not enough: pods that keep each other away, ports and volumes, each with a near miss."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.unit.runbooks.runbook_world import LABELS, Document, deployment, node, planned, script, world
from tests.unit.runbooks.test_gpu_fit import FIT, holding
from vops.model.storage import (
    CLAIMS,
    STORAGE_CLASSES,
    VOLUMES,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from vops.planning.plan import Plan
from vops.runbooks.asks import Ask, ListAsk

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def labelled(name: str, *, gpus: int = 1, zone: str = "a") -> Document:
    made = node(name, gpus=gpus)
    made["metadata"]["labels"] = {HOST: name, ZONE: zone}
    return made


def of(replicas: int = 1, **spec: Any) -> Document:
    """The Deployment, with more in its pods' spec."""
    target = deployment(replicas=replicas)
    target["spec"]["template"]["spec"] |= spec
    return target


def look(target: Document, *others: Document, answers: Mapping[Ask, Any] | None = None) -> Plan:
    return planned(script(FIT), replace(world(target, *others), answers=answers or {}))


def fit(target: Document, *others: Document, answers: Mapping[Ask, Any] | None = None) -> Document:
    return look(target, *others, answers=answers).steps[0].outputs


def verdict(found: Document) -> tuple[bool, bool]:
    return found["ends"], found["endsStoppingFirst"]


# --- pods that keep each other away -----------------------------------------------------------------------

APART = {"podAntiAffinity": {REQUIRED: [{"topologyKey": HOST, "labelSelector": {"matchLabels": LABELS}}]}}


@pytest.mark.parametrize(
    ("others", "ends"), [((), False), ((labelled("b"),), True)], ids=["the only node has it", "another has room"]
)
def test_pods_that_may_not_share_a_node_need_another(others: tuple[Document, ...], ends: bool) -> None:
    target = of(affinity=APART)
    found = fit(target, labelled("a", gpus=2), *others, holding(target, "llama-old", "a"))
    assert verdict(found) == (ends, True)
    assert ("pod affinity or anti-affinity keeps it" in found["reason"]) == (not ends)


def test_others_may_keep_the_new_pod_away_as_well() -> None:
    target = of()
    jealous = holding(of(affinity=APART), "other", "a", labels={"app": "other"}, ownerReferences=[])
    assert verdict(fit(target, labelled("a", gpus=2), jealous)) == (False, False)
    indifferent = holding(of(), "other", "a", labels={"app": "other"}, ownerReferences=[])
    assert verdict(fit(target, labelled("a", gpus=2), indifferent)) == (True, True)


def spread(skew: int) -> list[Document]:
    return [
        {
            "maxSkew": skew,
            "topologyKey": ZONE,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": LABELS},
        }
    ]


@pytest.mark.parametrize(("skew", "ends"), [(1, False), (2, True)])
def test_pods_that_have_to_be_spread_over_zones_need_room_in_the_emptier_one(skew: int, ends: bool) -> None:
    target = of(topologySpreadConstraints=spread(skew))
    full = holding(of(), "other", "b", labels={"app": "other"}, ownerReferences=[])
    found = fit(target, labelled("a", gpus=2), labelled("b", zone="b"), full, holding(target, "llama-old", "a"))
    assert verdict(found) == (ends, True)
    assert ("topology spread constraints keep it" in found["reason"]) == (not ends)


# --- host ports -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("port", "ends"), [({"hostPort": 8000}, False), ({}, True)])
def test_a_host_port_is_taken_until_the_old_pod_has_gone(port: Document, ends: bool) -> None:
    target = of()
    target["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 8000, **port}]
    found = fit(target, labelled("a", gpus=2), holding(target, "llama-old", "a"))
    assert verdict(found) == (ends, True)
    assert ("its host port is taken" in found["reason"]) == (not ends)


# --- volumes ----------------------------------------------------------------------------------------------

MOUNTING: Document = {"volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]}


def stored(*modes: str, zone: str = "") -> Mapping[Ask, Any]:
    """The claim `models`, bound to a volume of a zone, or of all."""
    meta = {"name": "models", "namespace": "serving"}
    claim = {"metadata": meta, "spec": {"accessModes": list(modes), "volumeName": "pv"}, "status": {"phase": "Bound"}}
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    bound = {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}} if zone else {}
    volume = {"metadata": {"name": "pv"}, "spec": {"accessModes": list(modes), **bound}}
    return {
        ListAsk(CLAIMS, "serving"): (msgspec.convert(claim, PersistentVolumeClaim),),
        ListAsk(VOLUMES): (msgspec.convert(volume, PersistentVolume),),
        ListAsk(STORAGE_CLASSES): tuple[StorageClass, ...](),
    }


@pytest.mark.parametrize(
    ("mode", "ends", "words"),
    [
        ("ReadWriteOnce", False, "claim models may be on one node at a time, and a has it"),
        ("ReadWriteOncePod", False, "claim models is in use, and llama-old has it"),
        ("ReadWriteMany", True, ""),
    ],
)
def test_a_volume_of_one_node_keeps_the_new_pod_from_another(mode: str, ends: bool, words: str) -> None:
    target = of(**copy.deepcopy(MOUNTING))
    nodes = (labelled("a"), labelled("b"))
    found = fit(target, *nodes, holding(target, "llama-old", "a"), answers=stored(mode))
    assert verdict(found) == (ends, True)
    assert words in found["reason"]


def test_beside_the_old_pod_on_its_node_such_a_volume_can_be_had() -> None:
    target = of(**copy.deepcopy(MOUNTING))
    found = fit(target, labelled("a", gpus=2), holding(target, "llama-old", "a"), answers=stored("ReadWriteOnce"))
    assert verdict(found) == (True, True)


@pytest.mark.parametrize(("zone", "ends"), [("a", False), ("b", True)])
def test_a_volume_of_one_zone_needs_room_there(zone: str, ends: bool) -> None:
    target = of(**copy.deepcopy(MOUNTING))
    nodes = (labelled("a"), labelled("b", zone="b"))
    found = fit(target, *nodes, holding(target, "llama-old", "a"), answers=stored("ReadWriteMany", zone=zone))
    assert found["ends"] is ends


def test_volumes_that_may_not_be_read_are_left_out_and_said() -> None:
    unread: Mapping[Ask, Any] = {
        ListAsk(CLAIMS, "serving"): None,
        ListAsk(VOLUMES): None,
        ListAsk(STORAGE_CLASSES): None,
    }
    plan = look(of(**copy.deepcopy(MOUNTING)), labelled("a"), answers=unread)
    assert "Not part of the capacity proof: volumes." in plan.notes
