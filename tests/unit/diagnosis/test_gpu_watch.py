"""GPU exporters that are not there or see nothing, and nodes whose GPUs are broken."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_serving import ILLEGAL, NO_NVML, exporting, unresolved, watched
from tests.unit.diagnosis.cluster_parts import NOW, TAINT, TOLERATION, crashed, node, pod, ready, running, world
from tests.unit.diagnosis.scaling_parts import about, exporter, gpu
from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence, Finding, Severity
from vops.model.objects import Ref
from vops.model.resources import Event, Node
from vops.model.snapshot import Source

EXPORTER = Ref("DaemonSet", "dcgm-exporter", "serving")


def found(facts: Facts) -> Finding | None:
    return next(iter(diagnose(facts, EXPORTER).findings), None)


def with_condition(type_: str, status: str, reason: str = "", **more: Any) -> Node:
    plain = node(**more)
    condition = {"type": type_, "status": status, "reason": reason}
    document = msgspec.to_builtins(plain)
    document["status"]["conditions"] = [*document["status"]["conditions"], condition]
    return msgspec.convert(document, Node)


def test_an_exporter_that_does_not_tolerate_the_gpu_nodes_is_told_what_to_tolerate() -> None:
    finding = found(watched(taints=[TAINT])())
    assert finding is not None
    assert finding.severity is Severity.ERROR
    assert finding.subject.kind == "DaemonSet"
    assert finding.fixes[0].params["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


@pytest.mark.parametrize(
    "facts",
    [
        watched(taints=[TAINT], desired=1, ready=1, tolerations=[TOLERATION]),
        watched(taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}], desired=1, ready=1),
        lambda: world(
            node(taints=[TAINT]),
            exporter(),
            exporter(name="gke-dcgm-exporter", desired=1, ready=1, tolerations=[TOLERATION]),
        ),
        lambda: world(node(gpus=0), exporter()),
    ],
    ids=["tolerated", "cordoned", "covered by another", "no GPU yet"],
)
def test_an_exporter_that_is_where_it_should_be_is_no_fault(facts: Any) -> None:
    assert found(facts()) is None


def test_without_the_nodes_an_exporter_with_no_pods_is_only_possibly_wrong() -> None:
    finding = found(world(exporter(), without=(Source.NODES,)))
    assert finding is not None
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.POSSIBLE)


def test_a_node_selector_that_matches_no_gpu_node_is_named() -> None:
    finding = found(watched(nodeSelector={"nvidia.com/gpu.deploy.dcgm-exporter": "true"})())
    assert finding is not None
    assert "its node selector asks for nvidia.com/gpu.deploy.dcgm-exporter" in finding.summary


def test_an_exporter_that_misses_one_of_two_nodes_is_a_warning() -> None:
    finding = found(world(node(), node("gpu-2", taints=[TAINT]), exporter(desired=1, ready=1)))
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert "gpu-2" in finding.summary


def test_a_critical_class_outside_of_kube_system_is_named() -> None:
    refused = (
        "Error creating: insufficient quota to match these scopes: [{PriorityClass In [system-node-critical "
        "system-cluster-critical]}]"
    )
    facts = watched(about("DaemonSet", "dcgm-exporter", "FailedCreate", refused), desired=1)()
    finding = found(facts)
    assert finding is not None
    assert "priority class system-node-critical is not allowed in serving" in finding.summary


@pytest.mark.parametrize(
    ("status", "log", "gpus", "words"),
    [
        (crashed(), NO_NVML, 1, "NVML"),
        (crashed(), "Error: Failed to initialize NVML", 0, "gpu-1 has no GPU"),
        (crashed(137, reason="OOMKilled"), "", 1, "memory limit"),
        (
            crashed(),
            'level=fatal msg="Error watching fields: This request is serviced by a module of DCGM that is '
            'not currently loaded"',
            1,
            "profiling",
        ),
        (running(600, ready=True), NO_NVML, 1, "sees no GPU"),
    ],
)
def test_a_crashing_exporter_is_explained_by_its_log(status: Any, log: str, gpus: int, words: str) -> None:
    finding = found(exporting(status, log, gpus=gpus)())
    assert finding is not None
    assert words in finding.summary


def test_everything_includes_the_exporters_that_fail() -> None:
    reports = diagnose_all(world(ready(), node(taints=[TAINT]), exporter()))
    assert [(item.subject.kind, item.findings[0].cause) for item in reports if item.findings] == [
        ("DaemonSet", "dcgm-exporter-failure")
    ]


# --- broken GPUs ------------------------------------------------------------------------------------------

LOG = unresolved(ILLEGAL)().snapshot.logs[0].text


def node_event(message: str) -> Event:
    document = {
        "involvedObject": {"kind": "Node", "name": "gpu-1"},
        "type": "Warning",
        "reason": "NPD",
        "message": message,
    }
    return msgspec.convert(document | {"lastTimestamp": NOW.isoformat()}, Event)


@pytest.mark.parametrize(
    "signs",
    [
        (node(), gpu(xid=79)),
        (node(), gpu(xid=48)),
        (node(gpus=8, allocatable={"nvidia.com/gpu": "7"}, capacity={"nvidia.com/gpu": "8"}),),
        (with_condition("AcceleratedHardwareReady", "False", "NvidiaXID79Error"),),
        (with_condition("GPUMissing", "True", "GPUsMissing"),),
        (node(), node_event("NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus")),
    ],
)
def test_a_cuda_error_on_a_broken_node_is_the_nodes_fault(signs: Any) -> None:
    facts = world(pod(status=crashed()), *signs, log=LOG)
    finding = diagnose(facts, facts.replicas[0].ref).findings[0]
    assert (finding.cause, finding.rule) == ("xid-gpu-lost", "gpu-node-fault")


@pytest.mark.parametrize(
    "signs",
    [
        (node(), gpu(xid=31)),
        (node(), gpu(xid=0)),
        (with_condition("AcceleratedHardwareReady", "True"),),
        (with_condition("GPUMissing", "False"),),
        (node(), gpu(xid=79, node="gpu-2")),
    ],
)
def test_a_cuda_error_on_a_sound_node_is_not(signs: Any) -> None:
    facts = world(pod(status=crashed()), *signs, log=LOG)
    assert "gpu-node-fault" not in {item.rule for item in diagnose(facts, facts.replicas[0].ref).findings}


def test_an_old_xid_does_not_worry_a_server_that_serves() -> None:
    facts = world(ready(), node(), gpu(xid=79))
    assert diagnose(facts, facts.replicas[0].ref).findings == ()
