"""Pods that the API server does not take: which words mean what, where they stand, and for how long they count."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.diagnosis.cases_capacity import CRITICAL, EXCEEDED, VIOLATION, about, quota, refused, server
from tests.unit.diagnosis.cluster_parts import NAMESPACE, ready, replicaset, world
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence, Finding, Report
from vops.diagnosis.starting.admission import exceeded
from vops.model.objects import Ref
from vops.model.resources import Workload

DENIED = 'admission webhook "validation.gatekeeper.sh" denied the request: [limits] container <vllm> has no cpu limit'


def report(facts: Facts, kind: str = "Deployment") -> Report:
    return diagnose(facts, Ref(kind, "llama", NAMESPACE))


def first(facts: Facts, kind: str = "Deployment") -> Finding:
    return report(facts, kind).findings[0]


@pytest.mark.parametrize(
    ("words", "cause", "says"),
    [
        (EXCEEDED, "resource-quota", "4 of 4 used, 1 more asked"),
        ('pods "a" is forbidden: failed quota: q: must specify limits.cpu for: vllm', "resource-quota", "limits.cpu"),
        (CRITICAL, "priority-class-quota", "priority class"),
        (VIOLATION, "admission-denied", "Pod Security restricted:latest"),
        (
            DENIED,
            "admission-denied",
            "validation.gatekeeper.sh denies them: [limits] container <vllm> has no cpu limit",
        ),
        (
            'Internal error occurred: failed calling webhook "w.example.com": failed to call webhook: '
            'Post "https://w": no endpoints available for service "w"',
            "admission-denied",
            "webhook w.example.com has to be asked and does not answer",
        ),
        (
            "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no latest tags",
            "admission-denied",
            "p denies them: no latest tags",
        ),
        (
            'pods "a" is forbidden: [maximum memory usage per Container is 8Gi, but limit is 16Gi, maximum cpu usage]',
            "admission-denied",
            "a LimitRange of serving forbids it: maximum memory usage per Container is 8Gi, but limit is 16Gi",
        ),
        (
            'pods "a" is forbidden: error looking up service account serving/vllm: serviceaccount "vllm" not found',
            "admission-denied",
            "there is no ServiceAccount vllm",
        ),
        (
            'pods "a" is forbidden: no PriorityClass with name gold was found',
            "admission-denied",
            "no PriorityClass gold",
        ),
        (
            'pods "a" is forbidden: pod rejected: RuntimeClass "nvidia" not found',
            "admission-denied",
            "RuntimeClass nvidia",
        ),
        (
            'pods "a" is forbidden: unable to validate against any security context constraint: [provider "anyuid"]',
            "admission-denied",
            "security context constraint",
        ),
        (
            'Pod "a" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than',
            "admission-denied",
            "their spec is invalid",
        ),
        (
            "unable to create new content in namespace serving because it is being terminated",
            "admission-denied",
            "deleted",
        ),
    ],
)
def test_each_refusal_is_named(words: str, cause: str, says: str) -> None:
    found = first(refused(words)())
    assert found.cause == cause
    assert says in found.summary


def test_a_condition_holds_for_as_long_as_it_stands() -> None:
    failing = server(type="ReplicaFailure", reason="FailedCreate", message=EXCEEDED)
    found = first(world(failing, replicaset()))
    assert (found.cause, found.confidence) == ("resource-quota", Confidence.CERTAIN)


def test_a_refused_surge_pod_counts_though_the_old_ones_serve() -> None:
    failing = server(type="ReplicaFailure", reason="FailedCreate", message=EXCEEDED)
    assert first(world(failing, replicaset(), ready(owner="llama", revision="old"))).cause == "resource-quota"


def test_an_event_from_before_the_pods_came_is_no_finding() -> None:
    said = about("ReplicaSet", "llama-new", "FailedCreate", f"Error creating: {EXCEEDED}", namespace=NAMESPACE)
    facts = world(server(), replicaset(), ready(owner="llama"), said)
    assert report(facts).findings == ()


def test_an_event_of_a_replicaset_that_is_scaled_down_says_nothing() -> None:
    said = about("ReplicaSet", "llama-old", "FailedCreate", f"Error creating: {EXCEEDED}", namespace=NAMESPACE)
    old = replicaset(revision="old")
    retired = msgspec.structs.replace(old, spec=msgspec.structs.replace(old.spec, replicas=0))
    assert "resource-quota" not in [item.cause for item in report(world(server(), retired, said)).findings]


def test_a_replicaset_that_was_not_read_is_known_by_its_name() -> None:
    text = f"Error creating: {EXCEEDED}"
    own = about("ReplicaSet", "llama-6d5f8c9b7", "FailedCreate", text, namespace=NAMESPACE)
    assert first(world(server(), own)).cause == "resource-quota"
    other = about("ReplicaSet", "llama-batch-6d5f8c9b7", "FailedCreate", text, namespace=NAMESPACE)
    assert report(world(server(), other)).findings == ()


def test_a_statefulsets_refusal_is_read() -> None:
    document = msgspec.to_builtins(server()) | {"kind": "StatefulSet"}
    text = f"create Pod llama-0 in StatefulSet llama failed error: {VIOLATION}"
    facts = world(
        msgspec.convert(document, Workload),
        about("StatefulSet", "llama", "FailedCreate", text, namespace=NAMESPACE),
    )
    assert first(facts, "StatefulSet").cause == "admission-denied"


def test_the_quota_that_would_be_enough_is_computed() -> None:
    fix = first(refused(EXCEEDED, replicas=3)()).fixes[0]
    assert "3 pods are missing. Raise requests.nvidia.com/gpu to 7" in fix.steps[0]


def test_a_full_quota_is_named_without_a_word_of_refusal() -> None:
    found = first(world(server(), quota("4")))
    assert (found.cause, found.confidence) == ("resource-quota", Confidence.PROBABLE)


@pytest.mark.parametrize("used", ["3", "0"])
def test_a_quota_with_room_is_none_of_it(used: str) -> None:
    assert report(world(server(), quota(used))).findings == ()


def test_what_pod_security_wants_is_spelled_out() -> None:
    steps = first(refused(VIOLATION)()).fixes[0].steps
    assert any("allowPrivilegeEscalation: false, runAsNonRoot: true" in step for step in steps)
    assert any("HF_HOME" in step for step in steps)


def test_several_amounts_are_read() -> None:
    found = exceeded(
        "exceeded quota: q, requested: limits.cpu=1,pods=1, used: limits.cpu=6,pods=2, limited: limits.cpu=6"
    )
    assert found is not None
    assert (found.requested, found.limited) == ({"limits.cpu": "1", "pods": "1"}, {"limits.cpu": "6"})
