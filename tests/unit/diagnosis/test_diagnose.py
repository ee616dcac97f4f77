"""The diagnosis: silence where nothing is wrong, one root cause first, and what could not be asked."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.diagnosis.cluster_parts import (
    HEALTH,
    NAMESPACE,
    TAINT,
    crashed,
    deployment,
    ended,
    event,
    log_text,
    node,
    pending,
    pod,
    ready,
    replicaset,
    running,
    world,
)
from tests.unit.diagnosis.rule_cases import LOADING_LOG
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Report, Severity
from vops.model.objects import Ref
from vops.model.snapshot import Source


def report(facts: Facts) -> Report:
    return diagnose(facts, facts.replicas[0].ref)


def test_a_ready_replica_has_no_findings() -> None:
    found = report(world(ready(), node()))
    assert (found.state, found.findings, found.skipped) == ("ready", (), ())
    assert found.summary == "llama-1 is ready, serving meta-llama/Meta-Llama-3-8B-Instruct on gpu-1"


def test_a_loading_replica_has_none_either_and_says_how_far_it_is() -> None:
    slow = {"startupProbe": HEALTH | {"failureThreshold": 60}}
    unhealthy = event("Unhealthy", "Startup probe failed: connection refused")
    found = report(world(pod(status=running(90), container=slow), node(), unhealthy, log=LOADING_LOG))
    assert (found.state, found.findings) == ("loading", ())
    assert found.summary.endswith("1m30s of 10m allowed")


def test_old_scheduling_trouble_of_a_running_pod_is_forgotten() -> None:
    late = event("FailedScheduling", "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
    assert report(world(ready(), node(), late)).findings == ()


def test_the_last_death_of_a_ready_server_is_a_warning_for_an_hour() -> None:
    def after(seconds: float) -> Report:
        return report(
            world(ready(status={"restartCount": 1, "lastState": ended(137, reason="OOMKilled", ended_s=seconds)}))
        )

    (finding,) = after(900).findings
    assert (finding.cause, finding.severity) == ("host-oom", Severity.WARNING)
    assert after(9000).findings == ()


def test_causes_of_the_start_are_no_news_of_a_server_that_serves() -> None:
    back = ready(status={"restartCount": 1, "lastState": ended(1)})
    assert report(world(back, previous=log_text("fail-gated403.log"))).findings == ()


def test_what_a_server_died_of_is_told_while_it_loads_again() -> None:
    back = pod(status=crashed(restarts=1, back=True))
    (finding,) = report(world(back, previous=log_text("fail-gated403.log"))).findings
    assert (finding.cause, finding.severity) == ("gated-model", Severity.WARNING)


def test_an_unknown_crash_shows_its_exception_and_stage() -> None:
    log = LOADING_LOG + "\nTraceback (most recent call last):\n  File 'x'\nmylib.StrangeError: never seen\n"
    found = report(world(pod(status=crashed(3)), node(), log=log))
    finding, *guesses = found.findings
    assert (finding.cause, finding.fixes) == ("unknown", ())
    assert all(item.guessed for item in guesses)
    assert "StrangeError" in finding.summary
    assert "never seen" in finding.evidence[0].observed
    assert any("exit code 3" in item.observed for item in finding.evidence)


def test_back_off_is_never_a_cause() -> None:
    backing_off = event("BackOff", "Back-off restarting failed container vllm")
    found = report(world(pod(status=crashed()), node(), backing_off, without=[Source.LOGS]))
    assert [finding.cause for finding in found.findings] == ["unknown"]


@pytest.mark.parametrize("source", [Source.NODES, Source.DEPLOYMENTS])
def test_a_rule_without_its_source_is_skipped_and_says_why(source: Source) -> None:
    found = report(world(pending("0/1 nodes are available: 1 Insufficient cpu.", gpus=0), without=[source]))
    skipped = {item.rule: (item.needs, item.why) for item in found.skipped}
    assert skipped["rollout-deadlock"] == (source, "may not be read")


def test_what_comes_later_is_not_missed_once_the_cause_is_certain() -> None:
    evicted = pod(phase="Failed", pod_status={"reason": "Evicted", "message": "low on memory"}, status=crashed())
    found = report(world(evicted, node()))
    assert ([item.cause for item in found.findings], found.skipped) == (["evicted"], ())


def test_a_pod_that_waits_for_the_scheduler_is_no_failure_yet() -> None:
    found = report(world(pending(conditions=[], age_s=3), node()))
    assert (found.state, found.findings) == ("pending", ())


def test_a_workload_tells_each_cause_once() -> None:
    replicas = [pending(owner="llama", name=f"llama-{n}") for n in range(3)]
    facts = world(*replicas, node(taints=[TAINT]), deployment(replicas=3), replicaset())
    found = diagnose(facts, Ref("Deployment", "llama", NAMESPACE))
    (finding,) = found.findings
    assert found.state == "pending"
    assert found.subject.uid == "llama"
    assert finding.summary.endswith("(and 2 more replicas)")


def test_a_workload_whose_replicas_serve_is_ready() -> None:
    facts = world(ready(owner="llama"), deployment(), replicaset())
    found = diagnose(facts, Ref("Deployment", "llama", NAMESPACE))
    assert (found.state, found.summary) == ("ready", "deployment/llama has 1 of 1 replicas ready")


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "StatefulSet"])
def test_a_subject_that_is_not_there_is_absent(kind: str) -> None:
    found = diagnose(world(ready(), deployment("other")), Ref(kind, "nobody", NAMESPACE))
    assert (found.state, found.findings) == ("absent", ())


def test_a_pod_that_is_no_vllm_server_can_be_asked_about_too() -> None:
    web = pending("", name="web", container={"image": "nginx", "command": ["nginx"]})
    facts = world(web, node(taints=[TAINT]))
    found = diagnose(facts, Ref("Pod", "web", NAMESPACE))
    assert [finding.cause for finding in found.findings] == ["untolerated-taint"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("hf_" + "a1B2" * 8, "hf_***"), ("sk-learn-server-of-the-team", "sk-learn-server-of-the-team")],
    ids=["a token", "a name that begins like one"],
)
def test_a_token_is_not_said_where_it_is_pasted_as_a_name_or_uid(name: str, said: str) -> None:
    pod = pending("0/1 nodes are available", name=name)
    found = report(world(msgspec.structs.replace(pod, metadata=msgspec.structs.replace(pod.metadata, uid=name))))
    refs = (found.subject, *(item.subject for item in found.findings))
    assert {text for ref in refs for text in (ref.name, ref.uid)} == {said}
