"""Scheduling recomputed: everything that keeps a pod away from each node."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cluster_parts import GPU, TAINT, TOLERATION, node, pending, ready, world
from vops.diagnosis.placement.demands import is_gpu, pod_requests
from vops.diagnosis.placement.filters.taints import tolerable, tolerates
from vops.diagnosis.placement.recompute import NodeFit, Placement
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.model.pods import Toleration
from vops.model.resources import Taint

DEDICATED = {"key": "dedicated", "value": "training", "effect": "NoExecute"}


def placed(*objects: Any, **asks: Any) -> Placement:
    facts = world(pending(**asks), *objects)
    return facts.replicas[0].placement


def only(placement: Placement) -> NodeFit:
    (fit,) = placement.fits
    return fit


def affinity(*terms: Any) -> dict[str, Any]:
    required = {"nodeSelectorTerms": list(terms)}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def test_a_node_keeps_all_its_obstacles() -> None:
    fit = only(placed(node(gpus=2, taints=[TAINT], cordoned=True), gpus=4, nodeSelector={"zone": "a"}))
    assert fit.obstacles == {Obstacle.UNAVAILABLE, Obstacle.TAINT, Obstacle.SELECTOR, Obstacle.RESOURCE}


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"key": GPU, "operator": "Exists"}, True),
        ({"key": GPU, "operator": "Equal", "value": "present", "effect": "NoSchedule"}, True),
        ({"key": GPU, "value": "absent"}, False),
        ({"key": GPU, "operator": "Exists", "effect": "NoExecute"}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_tolerations_match_as_kubernetes_says(toleration: dict[str, str], expected: bool) -> None:
    assert tolerates(msgspec.convert(toleration, Toleration), Taint(**TAINT)) is expected


def test_a_preference_keeps_nobody_away() -> None:
    assert only(placed(node(taints=[TAINT | {"effect": "PreferNoSchedule"}]))).obstacles == frozenset()


@pytest.mark.parametrize(
    "key",
    [
        "node.kubernetes.io/not-ready",
        "ToBeDeletedByClusterAutoscaler",
        "cloud.google.com/gke-spot",
        "karpenter.sh/disrupted",
        "node.cilium.io/agent-not-ready",
        "startup-taint.cluster-autoscaler.kubernetes.io/driver",
    ],
)
def test_taints_of_nodes_that_are_about_to_go_are_never_tolerated(key: str) -> None:
    assert not tolerable(Taint(key, "", "NoSchedule"))


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        (expression("zone", "In", "a", "b"), True),
        (expression("zone", "In", "c"), False),
        (expression("zone", "NotIn", "c"), True),
        (expression("zone", "NotIn", "a"), False),
        (expression("absent", "NotIn", "a"), True),
        (expression("zone", "Exists"), True),
        (expression("absent", "Exists"), False),
        (expression("absent", "DoesNotExist"), True),
        (expression("zone", "DoesNotExist"), False),
        (expression("memory", "Gt", "20000"), True),
        (expression("memory", "Gt", "30000"), False),
        (expression("memory", "Lt", "30000"), True),
        (expression("zone", "Gt", "1"), False),
        (expression("zone", "Resembles", "a"), False),
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gpu-1"]}]}, True),
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gpu-2"]}]}, False),
        ({}, False),
    ],
)
def test_every_operator_of_node_affinity(term: dict[str, Any], fits: bool) -> None:
    here = node(labels={"zone": "a", "memory": "23034"})
    assert (only(placed(here, affinity=affinity(term))).mismatches == ()) is fits


def test_terms_are_alternatives_and_the_nearest_is_told() -> None:
    terms = affinity(expression("zone", "In", "c"), expression("zone", "In", "a"))
    assert only(placed(node(labels={"zone": "a"}), affinity=terms)).mismatches == ()
    (mismatch,) = only(placed(node(labels={"zone": "b"}), affinity=terms)).mismatches
    assert (mismatch.key, mismatch.has) == ("zone", "b")


def test_what_others_hold_is_not_free_and_what_has_ended_holds_nothing() -> None:
    others = (ready("a"), ready("b", phase="Succeeded"), ready("c", phase="Failed"))
    placement = placed(node(gpus=2), *others)
    assert placement.free(placement.fits[0].node, GPU) == 1
    assert [pod.metadata.name for pod in placement.holders("gpu-1", GPU)] == ["a"]


def test_terminating_pods_still_hold_their_gpus() -> None:
    leaving = ready("a", metadata={"deletionTimestamp": "2026-11-24T02:59:00Z"})
    assert only(placed(node(), leaving)).short_of_gpu


@pytest.mark.parametrize("resource", [GPU, "nvidia.com/mig-1g.10gb", "amd.com/gpu", "habana.ai/gaudi"])
def test_any_accelerator_counts(resource: str) -> None:
    placement = placed(node(resource=resource, gpus=1), resource=resource, gpus=2)
    assert (placement.gpu_resource, placement.gpus, placement.large_enough) == (resource, 2, ())


def test_millicores_and_bytes_are_compared_exactly() -> None:
    fit = only(placed(node(allocatable={"cpu": "1500m", "memory": "1Gi"}), requests={"cpu": "1.5", "memory": "1024Mi"}))
    assert fit.short == ()


def test_a_node_that_is_full_of_pods() -> None:
    assert only(placed(node(gpus=4, allocatable={"pods": "1"}), ready("a"))).obstacles == {Obstacle.PODS}


def test_init_containers_count_by_their_peak_and_sidecars_add_up() -> None:
    def asks(cpu: str, **more: str) -> dict[str, Any]:
        return {"name": cpu, "resources": {"requests": {"cpu": cpu}}, **more}

    pod = pending(gpus=0, requests={"cpu": "2"}, initContainers=[asks("1", restartPolicy="Always"), asks("4")])
    assert pod_requests(pod.spec)["cpu"] == 5


def test_what_is_not_recomputed_is_told() -> None:
    placement = placed(
        node(),
        affinity={"podAntiAffinity": {}},
        topologySpreadConstraints=[{"maxSkew": 1}],
        volumes=[{"name": "m", "persistentVolumeClaim": {"claimName": "m"}}],
        container={"name": "vllm", "ports": [{"containerPort": 80, "hostPort": 80}]},
    )
    assert placement.constraints == ("inter-pod affinity", "topology spread", "host ports", "volumes")


def test_the_nearest_node_is_the_one_with_the_least_to_change() -> None:
    nodes = (node("a", taints=[TAINT, DEDICATED], gpus=2), node("b", taints=[TAINT]), node("c", cordoned=True))
    placement = placed(*nodes, ready("x", node="a"), nodeSelector={}, tolerations=[])
    assert [fit.name for fit in placement.nearest] == ["a", "b"]
    assert [fit.name for fit in placed(*nodes, nodeSelector={}, tolerations=[TOLERATION]).nearest] == ["b"]


def test_a_malformed_quantity_offers_nothing() -> None:
    assert only(placed(node(allocatable={GPU: "many"}))).short_of_gpu


@pytest.mark.parametrize(
    ("ours", "theirs", "clash"),
    [
        ({"hostPort": 8000}, {"hostPort": 8000}, True),
        ({"hostPort": 8000}, {"hostPort": 8001}, False),
        ({"hostPort": 8000, "protocol": "UDP"}, {"hostPort": 8000}, False),
        ({"hostPort": 8000, "hostIP": "10.0.0.1"}, {"hostPort": 8000}, True),
        ({"hostPort": 8000, "hostIP": "10.0.0.1"}, {"hostPort": 8000, "hostIP": "10.0.0.2"}, False),
        ({"containerPort": 8000}, {"containerPort": 8000}, False),
    ],
)
def test_a_host_port_is_had_once_on_each_address(ours: dict[str, Any], theirs: dict[str, Any], clash: bool) -> None:
    other = ready("other", gpus=0, container={"name": "vllm", "ports": [theirs]})
    fit = only(placed(node(), other, container={"name": "vllm", "ports": [ours]}))
    assert [(port, pod.metadata.name) for port, pod in fit.ports] == ([(8000, "other")] if clash else [])


def test_what_a_pod_asks_for_as_a_whole_counts_for_cpu_and_memory() -> None:
    whole = {"requests": {"cpu": "6", "memory": "8Gi", GPU: "9"}}
    wanted = pod_requests(pending(requests={"cpu": "2", "memory": "1Gi"}, resources=whole).spec)
    assert [int(wanted[name]) for name in ("cpu", "memory", GPU)] == [6, 8 * 2**30, 1]


def test_overhead_comes_on_top_and_a_limit_is_a_request() -> None:
    container = {"name": "vllm", "resources": {"limits": {"cpu": "2"}}}
    assert pod_requests(pending(container=container, overhead={"cpu": "250m"}).spec)["cpu"] == Decimal("2.25")


@pytest.mark.parametrize(
    ("operator", "value", "taint", "expected"),
    [
        ("Gt", "950", "999", True),
        ("Gt", "950", "950", False),
        ("Lt", "950", "900", True),
        ("Lt", "950", "950", False),
        ("Gt", "950", "9.9e9", False),
        ("Gt", "many", "999", False),
    ],
)
def test_tolerations_compare_whole_numbers(operator: str, value: str, taint: str, expected: bool) -> None:
    toleration = Toleration("sla", operator, value, "NoSchedule")
    assert tolerates(toleration, Taint("sla", taint, "NoSchedule")) is expected


def test_a_node_that_only_lacks_room_is_allowed() -> None:
    assert only(placed(node(), ready("other"))).allowed
    assert not only(placed(node(taints=[TAINT]))).allowed


@pytest.mark.parametrize("name", ["nvidia.com/hostdev", "nvidia.com/rdma_shared", "cpu", "example.com/gpu"])
def test_not_everything_of_a_vendor_is_a_gpu(name: str) -> None:
    assert not is_gpu(name)


def test_the_nearest_nodes_are_among_those_that_the_pod_picks() -> None:
    """A cordoned one of the card that it wants, not a free one of another card."""
    wanted = node("a", labels={"card": "t4"}, cordoned=True)
    other = node("b", labels={"card": "l4"})
    assert [fit.name for fit in placed(wanted, other, nodeSelector={"card": "t4"}).nearest] == ["a"]
    assert [fit.name for fit in placed(wanted, other, nodeSelector={"card": "a10"}).nearest] == ["b"]
