"""Karpenter's words about pods, and its NodeClaims and NodePools."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_capacity import node_claim, node_pool
from tests.unit.diagnosis.cluster_parts import NOW, TAINT, TOLERATION, event, pending
from vops.diagnosis.provisioning.karpenter import (
    Said,
    admits,
    claims_named,
    is_karpenters,
    limits,
    never_joined,
    not_launched,
    pool_answers,
    pool_of,
    product,
    stage,
    unregistered,
)

WANTED = 'requirements=nvidia.com/gpu.product In [NVIDIA-L4], resources={"cpu":"4","nvidia.com/gpu":"1"}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"no instance type has enough resources, {WANTED}", [Said.NO_MATCH]),
        (f"no instance type met all requirements, {WANTED}", [Said.NO_MATCH]),
        (f"no instance type met the scheduling requirements or had a required offering, {WANTED}", [Said.NO_MATCH]),
        (f"no instance type has the required offering, {WANTED}", [Said.UNAVAILABLE]),
        (
            "no instance type which met the scheduling requirements and had enough resources, had a required offering, "
            f"{WANTED}",
            [Said.UNAVAILABLE],
        ),
        ("all available instance types exceed limits for nodepool (NodePool=gpu)", [Said.LIMIT]),
        ('all available instance types exceed limits for nodepool: "gpu"', [Said.LIMIT]),
        ("node limits have been exhausted for nodepool (NodePool=gpu)", [Said.LIMIT]),
        ("did not tolerate taint (taint=nvidia.com/gpu=true:NoSchedule)", [Said.NO_MATCH]),
        (
            'incompatible with nodepool "cpu", daemonset overhead={}, no instance type has enough resources; '
            "all available instance types exceed limits for nodepool (NodePool=gpu)",
            [Said.NO_MATCH, Said.LIMIT],
        ),
        ("no nodepools found", [Said.NO_MATCH]),
        (
            'incompatible with nodepool "gpu", daemonset overhead={"cpu":"185m"}, no instance type satisfied resources '
            "{} and requirements gpu-type In [nvidia] (no instance type which met the scheduling requirements and had "
            'enough resources, had a required offering); incompatible with nodepool "cpu", daemonset overhead={}, no '
            "instance type satisfied resources {} and requirements x (no instance type has enough resources)",
            [Said.UNAVAILABLE, Said.NO_MATCH],
        ),
    ],
)
def test_what_karpenter_says_of_a_pod(text: str, said: list[Said]) -> None:
    assert [item.said for item in pool_answers(f"Failed to schedule pod, {text}")] == said


@pytest.mark.parametrize(
    "text",
    [
        "all available instance types exceed limits for nodepool (NodePool=gpu)",
        'all available instance types exceed limits for nodepool: "gpu"',
        'incompatible with nodepool "gpu", daemonset overhead={}, no instance type has enough resources',
    ],
)
def test_the_pool_is_named(text: str) -> None:
    assert [item.pool for item in pool_answers(text)] == ["gpu"]


def test_the_schedulers_words_are_not_karpenters() -> None:
    assert not is_karpenters(event("FailedScheduling", "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."))
    assert is_karpenters(event("FailedScheduling", "Failed to schedule pod, no nodepools found"))


def test_a_nomination_names_its_claims() -> None:
    assert claims_named("Pod should schedule on: nodeclaim/gpu-x1y2z, node/ip-10-0-0-1") == ("gpu-x1y2z",)
    assert pool_of("gpu-pool-x1y2z") == "gpu-pool"


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({"Launched": ("True", "Launched", "")}, ""),
        ({"Launched": ("Unknown", "AwaitingReconciliation", "object is awaiting reconciliation")}, ""),
        ({"Launched": ("Unknown", "VCPULimitExceeded", "would exceed your VCPU quota")}, "VCPULimitExceeded: would"),
    ],
)
def test_a_claim_tells_why_it_was_not_launched(conditions: dict[str, Any], why: str) -> None:
    assert not_launched(node_claim(**conditions)).startswith(why)
    assert bool(not_launched(node_claim(**conditions))) is bool(why)


def test_a_claim_tells_how_far_it_has_got() -> None:
    launched, joined = ("True", "Launched", ""), ("True", "Registered", "")
    assert stage(node_claim()) == "is being asked for"
    assert stage(node_claim(Launched=launched)) == "is starting"
    assert stage(node_claim(Launched=launched, Registered=joined)) == "has joined"


def test_a_node_without_its_gpu_is_told() -> None:
    waiting = ("Unknown", "ResourceNotRegistered", 'Resource "nvidia.com/gpu" was requested but not registered')
    resource, since = unregistered(node_claim(Registered=("True", "Registered", ""), Initialized=waiting))
    assert resource == "nvidia.com/gpu"
    assert since is not None
    assert unregistered(node_claim(Initialized=waiting)) == ("", None)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("karpenter.k8s.aws", "Karpenter"),
        ("eks.amazonaws.com", "EKS Auto Mode"),
        ("karpenter.azure.com", "AKS node auto-provisioning"),
    ],
)
def test_the_product_is_known_by_its_node_class(group: str, name: str) -> None:
    spec = {"template": {"spec": {"nodeClassRef": {"group": group}}}}
    assert product([msgspec.structs.replace(node_pool(), spec=spec)]) == name


def test_limits_are_read_with_what_is_used() -> None:
    pool = node_pool(limits={"nvidia.com/gpu": "8", "cpu": "100"}, used={"nvidia.com/gpu": "8"})
    assert limits(pool) == {"nvidia.com/gpu": ("8", "8"), "cpu": ("0", "100")}


def test_a_pool_admits_by_taints_and_labels() -> None:
    pool = node_pool(taints=[TAINT])
    assert not admits(pool, pending())
    assert admits(pool, pending(tolerations=[TOLERATION]))
    assert not admits(node_pool(), pending(nodeSelector={"karpenter.sh/nodepool": "other"}))
    zones = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
    in_a = msgspec.structs.replace(node_pool(), spec={"template": {"spec": {"requirements": [zones]}}})
    assert admits(in_a, pending(nodeSelector={"topology.kubernetes.io/zone": "a"}))
    assert not admits(in_a, pending(nodeSelector={"topology.kubernetes.io/zone": "b"}))


LAUNCHED = ("True", "Launched", "")
ALONE = ("Unknown", "NodeNotFound", "Node not registered with cluster")


@pytest.mark.parametrize(
    ("age_s", "registered", "late"),
    [
        (1200, ALONE, True),
        (300, ALONE, False),
        (1200, ("True", "Registered", ""), False),
    ],
)
def test_a_machine_that_never_joins_is_late_after_ten_minutes(
    age_s: float, registered: tuple[str, str, str], late: bool
) -> None:
    claim = node_claim(age_s=age_s, Launched=LAUNCHED, Registered=registered)
    assert bool(never_joined(claim, NOW)) is late


def test_a_machine_that_was_not_launched_is_not_awaited() -> None:
    claim = node_claim(age_s=1200, Launched=("Unknown", "AwaitingReconciliation", ""), Registered=ALONE)
    assert never_joined(claim, NOW) == ""
