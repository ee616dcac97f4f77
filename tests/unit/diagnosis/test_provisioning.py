"""Whether a node is coming: what the autoscalers' words, groups and claims add up to for one pod."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_capacity import (
    ICE,
    MIG,
    NO_ROOM,
    Case,
    about,
    by_karpenter,
    from_cloud,
    group,
    no_gpu_node,
    node_claim,
    node_pool,
    nominated,
    not_triggered,
    scale_up_failed,
    status_map,
    triggered,
    waits,
)
from tests.unit.diagnosis.cluster_parts import (
    GPU,
    NAMESPACE,
    NOW,
    TAINT,
    ago,
    event,
    first_finding,
    node,
    pending,
    ready,
    the_replica,
    world,
)
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence, Severity
from vops.diagnosis.provisioning.outcomes import Outcome, Provisioning
from vops.model.provisioning import NodePool
from vops.model.resources import Event, Node
from vops.model.snapshot import Source
from vops.model.storage import PersistentVolume, PersistentVolumeClaim

OTHER_MIG = MIG.replace("us-central1-a", "us-central1-b")
QUOTA = "Quota 'NVIDIA_L4_GPUS' exceeded. Limit: 1.0 in region us-central1."
EC2 = "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 8 allows"
AZURE = (
    "results in exceeding approved standardNCADSA100v4Family Cores quota. Additional details - Deployment Model: "
    "Resource Manager, Location: eastus, Current Limit: 0, Current Usage: 0, (Minimum) New Limit Required: 24."
)
LAUNCHED = ("True", "Launched", "")
TAINTED = f"0/1 nodes are available: 1 node(s) had untolerated taint {{{TAINT['key']}: {TAINT['value']}}}."


def reading(case: Case) -> Provisioning:
    return the_replica(case()).provisioning


def ice(claim: str = "gpu-x1y2z", message: str = ICE, age_s: float = 60) -> Event:
    return about("NodeClaim", claim, "InsufficientCapacityError", message, age_s=age_s)


def ailing(reason: str, message: str) -> NodePool:
    """A NodePool whose nodes have failed several times in a row."""
    said = {"type": "NodeRegistrationHealthy", "status": "False", "reason": reason, "message": message}
    return msgspec.structs.replace(node_pool(), status={"conditions": [said]})


def again(found: Event, *, times: int, first_s: float) -> Event:
    """An event that came so often since so many seconds ago."""
    return msgspec.structs.replace(found, count=times, first_timestamp=NOW - timedelta(seconds=first_s))


def on_map(reason: str, message: str, age_s: float = 60) -> Event:
    return about("ConfigMap", "cluster-autoscaler-status", reason, message, age_s=age_s, namespace="kube-system")


def new_node(made_s: float, ready_s: float) -> Node:
    """A node that was made and became ready so many seconds ago."""
    found = node("fresh")
    ready_now = [{"type": "Ready", "status": "True", "lastTransitionTime": ago(ready_s)}]
    document = msgspec.to_builtins(found)
    document["metadata"]["creationTimestamp"] = ago(made_s)
    document["status"]["conditions"] = ready_now
    return msgspec.convert(document, Node)


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        # the Cluster Autoscaler, by its words about the pod
        (waits(triggered()), Outcome.WORKING),
        (waits(again(triggered(), times=5, first_s=3000)), Outcome.REFUSED),
        (waits(again(triggered(), times=2, first_s=300)), Outcome.WORKING),
        (waits(triggered(age_s=1200)), Outcome.NOTHING_KNOWN),
        (waits(triggered(age_s=800), new_node(700, 400)), Outcome.NOTHING_KNOWN),
        (waits(triggered(age_s=300), new_node(100, 30)), Outcome.WORKING),
        (waits(triggered(age_s=90), scale_up_failed("GCE out of resources")), Outcome.STOCKOUT),
        (waits(scale_up_failed("GCE out of resources", age_s=200), triggered()), Outcome.STOCKOUT),
        (waits(scale_up_failed("GCE out of resources", age_s=200), triggered(OTHER_MIG)), Outcome.WORKING),
        (waits(scale_up_failed("GCE quota exceeded", age_s=2000), triggered(age_s=30)), Outcome.WORKING),
        (waits(scale_up_failed("Internal error")), Outcome.REFUSED),
        (waits(not_triggered("1 max node group size reached")), Outcome.LIMIT),
        (waits(not_triggered("max total nodes in cluster reached")), Outcome.LIMIT),
        (waits(not_triggered("2 node(s) didn't match Pod's node affinity/selector")), Outcome.NO_MATCH),
        (waits(not_triggered("1 not ready for scale-up")), Outcome.NOTHING_KNOWN),
        # why a group backs off, by the status or by what was said of the group
        (
            waits(
                not_triggered("1 in backoff after failed scale-up"),
                status_map(group(status="Backoff", code="RESOURCE_POOL_EXHAUSTED", message="stockout")),
            ),
            Outcome.STOCKOUT,
        ),
        (
            waits(
                not_triggered("1 in backoff after failed scale-up"),
                status_map(group(status="Backoff", code="QUOTA_EXCEEDED", message=QUOTA)),
            ),
            Outcome.QUOTA,
        ),
        (
            waits(
                not_triggered("1 in backoff after failed scale-up"),
                on_map("ScaleUpFailed", f"Failed adding 1 nodes to group {MIG} due to OutOfResource.QUOTA_EXCEEDED; x"),
            ),
            Outcome.QUOTA,
        ),
        (
            waits(
                not_triggered("1 in backoff after failed scale-up"),
                on_map("ScaleUpTimedOut", f"Nodes added to group {MIG} failed to register within 15m2s"),
            ),
            Outcome.REFUSED,
        ),
        # without a word about the pod
        (waits(status_map(group(status="Backoff", code="QUOTA_EXCEEDED", message=QUOTA))), Outcome.QUOTA),
        (waits(status_map(group(status="InProgress"))), Outcome.WORKING),
        (waits(status_map(group(status="NoActivity"))), Outcome.NOTHING_KNOWN),
        (waits(), Outcome.NOTHING_KNOWN),
    ],
)
def test_what_the_cluster_autoscaler_says(case: Case, outcome: Outcome) -> None:
    assert reading(case).outcome is outcome


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        (waits(nominated(), node_claim(Launched=LAUNCHED)), Outcome.WORKING),
        (waits(nominated(), node_pool()), Outcome.NOTHING_KNOWN),
        (waits(nominated(), ice()), Outcome.STOCKOUT),
        # one claim after another is made for it and goes away
        (waits(*(nominated(f"gpu-{n}", 60 * n) for n in (5, 3, 1))), Outcome.STOCKOUT),
        (waits(nominated("gpu-old00", 300), nominated(), node_claim(Launched=LAUNCHED)), Outcome.WORKING),
        (waits(nominated(), ice(message="NodeClaim gpu-x1y2z event: insufficient capacity, x")), Outcome.STOCKOUT),
        (waits(nominated(), ice("cpu-x1y2z")), Outcome.NOTHING_KNOWN),
        (waits(nominated(), ice(age_s=3000)), Outcome.NOTHING_KNOWN),
        # an earlier claim met a lack of stock, and this one has its machine
        (waits(nominated("gpu-new00"), ice(), node_claim("gpu-new00", Launched=LAUNCHED)), Outcome.WORKING),
        (waits(nominated("gpu-new00"), ice(), node_claim("gpu-new00")), Outcome.STOCKOUT),
        (
            waits(nominated(), node_claim(Launched=("Unknown", "VCPULimitExceeded", "would exceed your VCPU quota"))),
            Outcome.QUOTA,
        ),
        (
            waits(nominated(), node_claim(Launched=("Unknown", "LaunchFailed", "AccessDenied: ec2:CreateFleet"))),
            Outcome.REFUSED,
        ),
        (waits(by_karpenter("all available instance types exceed limits for nodepool (NodePool=gpu)")), Outcome.LIMIT),
        (waits(by_karpenter("no instance type met all requirements, requirements=x")), Outcome.NO_MATCH),
        (waits(by_karpenter("no instance type has the required offering, requirements=x"), ice()), Outcome.STOCKOUT),
        # for some minutes it leaves out what it could not get
        (waits(by_karpenter('incompatible with nodepool "gpu", no instance type met all'), ice()), Outcome.STOCKOUT),
        (waits(by_karpenter('incompatible with nodepool "cpu", no instance type met all'), ice()), Outcome.NO_MATCH),
        (waits(event("InsufficientCapacityError", ICE)), Outcome.STOCKOUT),
        (waits(node_pool(), ice()), Outcome.STOCKOUT),
        (waits(node_pool(taints=[TAINT]), ice()), Outcome.NOTHING_KNOWN),
        # by the pools' own conditions, where every one that would serve the pod is in trouble
        (waits(ailing("VCPULimitExceeded", "would exceed your VCPU quota")), Outcome.QUOTA),
        (waits(ailing("RegistrationFailed", "Failed to register node")), Outcome.REFUSED),
        (waits(ailing("RegistrationFailed", "Failed to register node"), node_pool("gpu-2")), Outcome.NOTHING_KNOWN),
        # asked for again since
        (waits(by_karpenter("no nodepools found", 300), nominated(), node_claim(Launched=LAUNCHED)), Outcome.WORKING),
    ],
)
def test_what_karpenter_says(case: Case, outcome: Outcome) -> None:
    assert reading(case).outcome is outcome


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (lambda: world(pending(NO_ROOM, age_s=300), no_gpu_node()), Outcome.ABSENT),
        (lambda: world(pending(NO_ROOM, age_s=60), no_gpu_node()), Outcome.NOTHING_KNOWN),
        (lambda: world(pending(NO_ROOM, age_s=300), node(gpus=0)), Outcome.NOTHING_KNOWN),
        (lambda: world(pending(NO_ROOM, age_s=300), from_cloud(node()), ready("other")), Outcome.NOTHING_KNOWN),
        (lambda: world(pending(NO_ROOM, age_s=300), no_gpu_node(), node_pool()), Outcome.NOTHING_KNOWN),
        (
            lambda: world(pending(NO_ROOM, age_s=300, priority=-20), node(), ready("other"), status_map(group())),
            Outcome.ABSENT,
        ),
    ],
)
def test_that_nobody_comes_needs_proof(made: Callable[[], Facts], outcome: Outcome) -> None:
    assert the_replica(made()).provisioning.outcome is outcome


def test_unread_sources_prove_nothing() -> None:
    facts = world(pending(NO_ROOM, age_s=300), no_gpu_node(), without=(Source.CONFIG_MAPS,))
    assert the_replica(facts).provisioning.outcome is Outcome.NOTHING_KNOWN


def test_a_node_on_its_way_is_no_fault() -> None:
    facts = waits(triggered())()
    report = diagnose(facts, the_replica(facts).ref)
    assert [(item.cause, item.severity) for item in report.findings] == [("autoscaler-working", Severity.INFO)]
    assert report.summary.startswith("A node for llama-1 is on its way")


def test_an_own_taint_comes_before_what_the_autoscaler_says_of_it() -> None:
    facts = world(pending(TAINTED), node(taints=[TAINT]), not_triggered("1 node(s) had untolerated taint(s)"))
    findings = diagnose(facts, the_replica(facts).ref).findings
    assert [item.cause for item in findings] == ["untolerated-taint", "autoscaler-no-match"]
    assert findings[1].because == ("untolerated-taint",)


def test_a_full_group_is_not_to_blame_for_an_own_taint() -> None:
    facts = world(
        pending(TAINTED),
        node(taints=[TAINT]),
        not_triggered("1 max node group size reached, 1 node(s) had untolerated taint(s)"),
    )
    assert first_finding(facts).cause == "untolerated-taint"
    assert the_replica(facts).provisioning.outcome is Outcome.NO_MATCH


def test_backoff_without_a_reason_is_a_hint_only() -> None:
    found = first_finding(waits(not_triggered("1 in backoff after failed scale-up"))())
    assert (found.cause, found.confidence) == ("gpu-stockout", Confidence.POSSIBLE)


@pytest.mark.parametrize(
    ("spec", "related", "says"),
    [
        ({"nodeSelector": {"topology.kubernetes.io/zone": "us-central1-a"}}, (), "nodeSelector"),
        (
            {"volumes": [{"name": "m", "persistentVolumeClaim": {"claimName": "models"}}]},
            (
                PersistentVolumeClaim(),
                PersistentVolume(),
            ),
            "claim models",
        ),
    ],
)
def test_what_pins_the_pod_is_what_can_be_changed(spec: dict[str, Any], related: tuple[Any, ...], says: str) -> None:
    facts = waits(scale_up_failed("GCE out of resources"), *map(_bound, related), **spec)()
    found = first_finding(facts)
    assert says in found.summary
    assert "us-central1-a" in found.fixes[0].steps[0]


def _bound(item: PersistentVolumeClaim | PersistentVolume) -> PersistentVolumeClaim | PersistentVolume:
    """A claim and its volume, which is in one zone."""
    if isinstance(item, PersistentVolumeClaim):
        claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "models", "namespace": NAMESPACE}}
        return msgspec.convert(claim | {"spec": {"volumeName": "pv-1"}, "status": {"phase": "Bound"}}, type(item))
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-central1-a"]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}}
    volume = {"kind": "PersistentVolume", "metadata": {"name": "pv-1"}, "spec": {"nodeAffinity": affinity}}
    return msgspec.convert(volume, type(item))


def test_the_clouds_own_advice_is_passed_on() -> None:
    found = first_finding(waits(nominated(), ice(), node_pool())())
    assert "g5.12xlarge" in found.summary
    assert any("us-west-2b, us-west-2c" in step for step in found.fixes[0].steps)


def test_a_quota_is_raised_by_what_waits() -> None:
    facts = waits(
        not_triggered("1 in backoff after failed scale-up"),
        status_map(group(status="Backoff", code="QUOTA_EXCEEDED", message=QUOTA)),
        pending(NO_ROOM, name="llama-2", owner="llama"),
        owner="llama",
    )()
    found = first_finding(facts)
    assert "NVIDIA_L4_GPUS, which is 1 in us-central1" in found.summary
    assert "2 replicas wait for 2 GPUs." in found.fixes[0].steps
    assert any("to 3" in step for step in found.fixes[0].steps)


def test_a_limit_is_raised_by_what_waits() -> None:
    facts = waits(not_triggered("1 max node group size reached"), status_map(group(target=4, most=4)))()
    found = first_finding(facts)
    assert (found.cause, found.confidence) == ("autoscaler-limit", Confidence.CERTAIN)
    assert "--max-nodes 5" in found.fixes[0].steps[1]


def test_nodepool_limits_are_shown_with_what_is_used() -> None:
    limited = by_karpenter("all available instance types exceed limits for nodepool (NodePool=gpu)")
    facts = waits(limited, node_pool(limits={GPU: "8"}, used={GPU: "8"}))()
    shown = [item.observed for item in first_finding(facts).evidence if item.source == "nodepool"]
    assert shown == ["8 of 8 used"]


def test_events_of_other_pods_say_nothing_of_this_one() -> None:
    facts = waits(event("FailedScaleUp", "Node scale up failed: GCE out of resources", name="llama-9"))()
    assert the_replica(facts).provisioning.outcome is Outcome.NOTHING_KNOWN


@pytest.mark.parametrize(
    ("older", "newer", "cause"),
    [
        (scale_up_failed("GCE quota exceeded", age_s=900), scale_up_failed("GCE out of resources"), "gpu-stockout"),
        (scale_up_failed("GCE out of resources", age_s=900), scale_up_failed("GCE quota exceeded"), "cloud-quota"),
        (
            scale_up_failed("GCE quota exceeded", "us-central1-b", age_s=900),
            scale_up_failed("GCE out of resources"),
            "cloud-quota",
        ),
    ],
    ids=["the quota was raised", "the quota came later", "another zone"],
)
def test_the_last_word_about_a_zone_counts(older: Event, newer: Event, cause: str) -> None:
    assert first_finding(waits(older, newer)()).cause == cause


def test_a_pod_with_a_node_asks_for_none() -> None:
    facts = world(ready(), node(), event("FailedScaleUp", "GCE out of resources"))
    assert the_replica(facts).provisioning.outcome is Outcome.NOTHING_KNOWN
    assert diagnose(facts, the_replica(facts).ref).findings == ()


@pytest.mark.parametrize(
    ("case", "step"),
    [
        (waits(scale_up_failed("GCE quota exceeded")), "gcloud compute regions describe"),
        (
            waits(nominated(), node_claim(Launched=("Unknown", "VCPULimitExceeded", "would exceed your VCPU quota"))),
            "aws service-quotas request-service-quota-increase",
        ),
        (
            waits(nominated(), node_claim(Launched=("Unknown", "SubscriptionQuotaReached", AZURE))),
            "Ask for at least 24 cores of standardNCADSA100v4Family",
        ),
        (waits(event("FailedScaleUp", EC2)), "aws service-quotas request-service-quota-increase"),
        (waits(event("FailedScaleUp", AZURE)), "az vm list-usage"),
    ],
)
def test_the_way_to_more_quota_is_the_clouds_own(case: Case, step: str) -> None:
    assert step in " ".join(first_finding(case()).fixes[0].steps)
