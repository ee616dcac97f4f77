"""GPUs that are there and not offered, offered under another name, or too few on a node."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_scheduling import daemonset
from tests.unit.diagnosis.cluster_parts import (
    GPU,
    NOW,
    TAINT,
    TOLERATION,
    first_finding,
    node,
    pending,
    ready,
    the_replica,
    world,
)
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Confidence, Finding
from vops.diagnosis.nodes.gpu_nodes import gpu_sign
from vops.model.objects import Meta
from vops.model.resources import WorkloadStatus

L4, H100 = {"nvidia.com/gpu.product": "NVIDIA-L4"}, {"nvidia.com/gpu.product": "NVIDIA-H100"}
PLAIN = {"nvidia.com/gpu.product": ""}


def finding(*objects: Any, **asks: Any) -> Finding:
    return first_finding(world(pending(**asks), *objects))


@pytest.mark.parametrize(
    ("labels", "sign"),
    [
        ({"cloud.google.com/gke-accelerator": "nvidia-l4"}, True),
        ({"k8s.amazonaws.com/accelerator": "nvidia-tesla-t4"}, True),
        ({"nvidia.com/gpu.present": "true"}, True),
        ({"feature.node.kubernetes.io/pci-10de.present": "true"}, True),
        ({"feature.node.kubernetes.io/pci-0302_10de.present": "true"}, True),
        ({"node.kubernetes.io/instance-type": "g6.12xlarge"}, True),
        ({"node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4"}, True),
        ({"node.kubernetes.io/instance-type": "a2-highgpu-1g"}, True),
        ({"node.kubernetes.io/instance-type": "m5.xlarge"}, False),
        ({"nvidia.com/gpu.present": "false"}, False),
        ({}, False),
    ],
)
def test_signs_of_gpus(labels: dict[str, str], sign: bool) -> None:
    assert bool(gpu_sign(node(labels=PLAIN | labels))) is sign


@pytest.mark.parametrize(
    ("plugin", "why", "step"),
    [
        ((), "driver or device plugin is missing", "Install the NVIDIA device plugin"),
        ((daemonset(),), "does not tolerate nvidia.com/gpu:NoSchedule", "Add to the tolerations of the device plugin"),
        ((daemonset(desired=1, tolerations=[TOLERATION]),), "ready on 0 of 1 nodes", "log of its pod on gpu-1"),
        ((daemonset(tolerations=[TOLERATION]),), "selects no node", "get pods"),
        (
            (daemonset(tolerations=[TOLERATION], nodeSelector={"nvidia.com/gpu.present": "true"}),),
            "asks for nvidia.com/gpu.present=true, which the node lacks",
            "feature discovery",
        ),
        ((daemonset(desired=1, ready=1, tolerations=[TOLERATION]),), "the driver is missing", "install the driver"),
    ],
)
def test_the_device_plugin_is_looked_at(plugin: Any, why: str, step: str) -> None:
    found = finding(node(gpus=0, taints=[TAINT]), *plugin, tolerations=[TOLERATION])
    assert (found.cause, found.confidence) == ("gpu-not-advertised", Confidence.CERTAIN)
    assert why in found.summary
    assert step in " ".join(found.fixes[0].steps)


def test_a_device_plugin_without_a_status_is_not_said_to_select_no_node() -> None:
    declared = msgspec.structs.replace(daemonset(tolerations=[TOLERATION]), status=WorkloadStatus())
    found = finding(node(gpus=0, taints=[TAINT]), declared, tolerations=[TOLERATION])
    assert (found.cause, "selects no node" in found.summary) == ("gpu-not-advertised", False)
    assert "nothing tells whether it runs there" in found.summary


def test_the_nodes_that_are_picked_count_even_where_others_have_gpus() -> None:
    found = finding(node("l4", gpus=0), node("h100", labels=H100), nodeSelector=L4)
    assert (found.cause, "l4" in found.summary) == ("gpu-not-advertised", True)


def test_a_bare_node_does_not_matter_where_another_will_do() -> None:
    assert finding(node("bare", gpus=0), node("full", gpus=1, taints=[TAINT])).cause == "untolerated-taint"


def test_unhealthy_gpus_are_in_the_capacity_only() -> None:
    found = finding(node(gpus=7, capacity={GPU: "8"}), gpus=8)
    assert (found.cause, "unhealthy" in found.summary) == ("xid-gpu-lost", True)
    assert (found.fixes[0].runbook, found.fixes[0].params["node"]) == ("drain-node", "node/gpu-1")


def test_a_node_whose_gpus_are_all_unhealthy_may_have_lost_its_plugin() -> None:
    found = finding(node(gpus=0, capacity={GPU: "8"}), gpus=8)
    assert (found.cause, "unhealthy" in found.summary) == ("gpu-not-advertised", True)


def test_a_cluster_without_gpus() -> None:
    assert "none of 1 nodes" in finding(node(gpus=0, labels=PLAIN)).summary


def test_nothing_is_said_of_nodes_that_were_not_seen() -> None:
    says = "0/6 nodes are available: 6 Insufficient nvidia.com/gpu."
    found = first_finding(world(pending(says), node(gpus=0, labels=PLAIN)))
    assert (found.cause, found.confidence) == ("gpu-exhausted", Confidence.POSSIBLE)


def test_too_many_for_the_nodes_that_are_picked() -> None:
    found = finding(node(), node("h100", gpus=8, labels=H100), gpus=4, nodeSelector=L4)
    assert (found.cause, "gpu-1" in found.summary) == ("gpu-request-too-large", True)


def test_the_picked_nodes_offer_slices_only() -> None:
    mig = node("mig", gpus=7, resource="nvidia.com/mig-1g.10gb")
    found = finding(mig, node("h100", labels=H100), nodeSelector=L4)
    assert (found.cause, "mig-1g.10gb" in found.summary) == ("wrong-gpu-resource", True)


def test_network_devices_of_the_same_vendor_are_no_gpus() -> None:
    found = finding(node(gpus=2, resource="nvidia.com/hostdev", labels=PLAIN))
    assert found.cause == "gpu-not-advertised"


@pytest.mark.parametrize("nodes", [(), (node("cpu", gpus=0, labels=PLAIN),)])
def test_a_pod_without_gpus_is_not_asked_about_them(nodes: Any) -> None:
    facts = world(pending(gpus=0), *nodes)
    assert diagnose(facts, facts.replicas[0].ref).findings == ()


def test_gpus_that_a_driver_hands_out_are_in_no_capacity() -> None:
    says = "0/1 nodes are available: 1 cannot allocate all claims. still not schedulable"
    facts = world(pending(says), node(gpus=0))
    assert [item.cause for item in diagnose(facts, facts.replicas[0].ref).findings] == ["dra-claim-pending"]


def test_gpus_that_are_free_but_scattered() -> None:
    found = finding(
        node("a", gpus=4), node("b", gpus=4), ready("x", node="a", gpus=2), ready("y", node="b", gpus=3), gpus=4
    )
    assert found.cause == "gpu-exhausted"
    assert "at most 2 are free on one node (3 in all)" in found.summary


@pytest.mark.parametrize(
    ("held", "step"),
    [("40Gi", "Lower the memory request to 24.0 GiB or less"), ("60Gi", "Free 28.0 GiB memory on the node")],
)
def test_a_request_is_lowered_only_where_that_is_worth_it(held: str, step: str) -> None:
    small = ready("small", gpus=0, requests={"memory": held})
    found = finding(node(), small, requests={"memory": "32Gi"})
    assert found.cause == "cpu-memory-short"
    assert step in " ".join(found.fixes[0].steps)
    assert "serving/small" in found.evidence[0].observed


def test_a_node_without_its_gpus_beside_a_full_one_is_the_cause_and_the_full_one_follows() -> None:
    facts = world(pending(), node("full"), ready("other", node="full"), node("bare", gpus=0))
    report = diagnose(facts, the_replica(facts).ref)
    assert [item.cause for item in report.findings[:2]] == ["gpu-not-advertised", "gpu-exhausted"]
    assert "bare" in report.findings[0].summary
    assert report.findings[1].because == ("gpu-not-advertised",)


@pytest.mark.parametrize(
    "beside",
    [
        node("bare", gpus=0, labels=PLAIN),
        node("bare", gpus=0, taints=[TAINT]),
        node("bare", gpus=0, labels={"nvidia.com/gpu.count": "0"}),
    ],
    ids=["no-gpu-node", "not-for-this-pod", "fewer-than-it-asks-for"],
)
def test_a_full_node_alone_is_the_cause_where_the_other_would_not_help(beside: Any) -> None:
    assert finding(node("full"), ready("other", node="full"), beside).cause == "gpu-exhausted"


def test_a_new_node_beside_a_full_one_may_still_advertise_its_gpus() -> None:
    young = msgspec.structs.replace(node("bare", gpus=0), metadata=Meta("bare", labels=L4, creation_timestamp=NOW))
    facts = world(pending(), node("full"), ready("other", node="full"), young)
    assert diagnose(facts, the_replica(facts).ref).findings == ()


def test_a_new_node_that_the_pod_picks_is_named_where_others_have_their_gpus_already() -> None:
    labels = {"nvidia.com/gpu.product": "NVIDIA-A10G"}
    young = msgspec.structs.replace(node("bare", gpus=0), metadata=Meta("bare", labels=labels, creation_timestamp=NOW))
    facts = world(pending(nodeSelector=labels), node("another"), young)
    assert first_finding(facts).cause == "gpu-not-advertised"
