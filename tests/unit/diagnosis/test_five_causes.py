"""The five failures that vops fixes end to end: values are computed, and fixes say exactly what to change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import (
    GPU,
    HEALTH,
    NAMESPACE,
    TAINT,
    crashed,
    deployment,
    event,
    log_text,
    node,
    pending,
    pod,
    ready,
    replicaset,
    world,
)
from tests.unit.diagnosis.rule_cases import FIRES, LOADING_LOG, SERVING_LOG, deadlocked, killed
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Applicability, Confidence, Finding, Fix
from vops.diagnosis.logs import read_log
from vops.diagnosis.rules.memory.kv_cache_too_small import read_shortage
from vops.diagnosis.startup import estimate

DEDICATED = {"key": "dedicated", "value": "training", "effect": "NoSchedule"}
OWNED = (deployment(), replicaset())


def first(facts: Facts) -> Finding:
    return diagnose(facts, facts.replicas[0].ref).findings[0]


def fix_of(facts: Facts) -> Fix:
    return first(facts).fixes[0]


# --- untolerated taint ------------------------------------------------------------------------------------


def tolerations(*nodes: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = fix_of(world(pending(owner="llama"), *nodes, *OWNED)).params["tolerations"]
    return found


def test_the_toleration_is_that_of_the_taint() -> None:
    assert tolerations(node(taints=[TAINT])) == [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]


def test_a_taint_with_a_meaning_is_tolerated_with_its_value_only() -> None:
    assert tolerations(node(taints=[DEDICATED])) == [
        {"key": "dedicated", "operator": "Equal", "value": "training", "effect": "NoSchedule"}
    ]


def test_every_taint_of_the_nearest_node_is_tolerated_and_none_of_the_others() -> None:
    nodes = (node("a", taints=[TAINT, DEDICATED]), node("b", taints=[TAINT]))
    assert [item["key"] for item in tolerations(*nodes)] == [GPU]
    assert [item["key"] for item in tolerations(nodes[0])] == [GPU, "dedicated"]


def test_a_node_that_is_about_to_go_is_not_the_way_out() -> None:
    spot = TAINT | {"key": "cloud.google.com/gke-spot", "value": "true"}
    fix = fix_of(world(pending(owner="llama"), node(taints=[spot]), *OWNED))
    assert (fix.applicability, fix.runbook) == (Applicability.MANUAL, "")
    assert [item["key"] for item in tolerations(node("a", taints=[spot]), node("b", taints=[TAINT]))] == [GPU]


def test_two_obstacles_of_the_best_node_are_both_told() -> None:
    facts = world(pending(), node(taints=[TAINT]), ready("other"))
    report = diagnose(facts, facts.replicas[0].ref)
    assert [finding.cause for finding in report.findings] == ["untolerated-taint", "gpu-exhausted"]


@pytest.mark.parametrize(
    ("says", "confidence"),
    [
        ("0/1 nodes are available: 1 node(s) had untolerated taint(s).", Confidence.CERTAIN),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: present}.", Confidence.CERTAIN),
        ("", Confidence.STRONG),
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", Confidence.PROBABLE),
    ],
)
def test_the_scheduler_corroborates_or_lowers_the_confidence(says: str, confidence: Confidence) -> None:
    finding = first(world(pending(says, owner="llama"), node(taints=[TAINT]), *OWNED))
    assert (finding.cause, finding.confidence) == ("untolerated-taint", confidence)
    safe = confidence is not Confidence.PROBABLE
    assert finding.fixes[0].applicability is (Applicability.SAFE if safe else Applicability.ASK)


def test_a_bare_pod_gets_steps_instead_of_a_runbook() -> None:
    fix = fix_of(world(pending(), node(taints=[TAINT])))
    assert (fix.applicability, fix.runbook, fix.params) == (Applicability.MANUAL, "", {})
    assert '"key":"nvidia.com/gpu"' in " ".join(fix.steps)


# --- rollout deadlock -------------------------------------------------------------------------------------


def test_the_deadlock_explains_that_the_gpus_are_taken() -> None:
    facts = deadlocked()()
    root, consequence = diagnose(facts, facts.replicas[0].ref).findings
    assert (root.cause, root.confidence, root.because) == ("rollout-deadlock", Confidence.CERTAIN, ())
    assert (consequence.cause, consequence.because) == ("gpu-exhausted", ("rollout-deadlock",))
    assert "llama-old" in root.summary
    assert root.fixes[0].params == {"namespace": NAMESPACE, "target": "deployment/llama"}
    assert root.fixes[0].applicability is Applicability.ASK


@pytest.mark.parametrize(
    ("strategy", "replicas", "cause"),
    [
        (None, 1, "rollout-deadlock"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "99%", "maxSurge": 1}}, 1, "rollout-deadlock"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}, 9, "rollout-deadlock"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}}, 4, "gpu-exhausted"),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}, 1, "gpu-exhausted"),
        ({"type": "Recreate"}, 1, "gpu-exhausted"),
    ],
)
def test_only_a_strategy_that_may_stop_no_old_pod_deadlocks(strategy: Any, replicas: int, cause: str) -> None:
    facts = world(
        pending(owner="llama", name="llama-new"),
        ready("llama-old", owner="llama", revision="old", age_s=9000),
        node(),
        deployment(strategy=strategy, replicas=replicas),
        replicaset(),
        replicaset(revision="old"),
    )
    assert first(facts).cause == cause


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(ready("stranger", owner="mistral"), id="another workload's pod"),
        pytest.param(ready("llama-2", owner="llama"), id="a pod of the same template"),
        pytest.param(
            ready("llama-old", owner="llama", revision="old", metadata={"deletionTimestamp": "2026-11-24T02:59:00Z"}),
            id="an old pod on its way out",
        ),
    ],
)
def test_other_holders_are_no_deadlock(other: Any) -> None:
    facts = world(pending(owner="llama"), other, node(), *OWNED, replicaset(revision="old"))
    assert first(facts).cause == "gpu-exhausted"


def test_a_free_slot_elsewhere_is_no_deadlock() -> None:
    facts = world(
        pending(owner="llama", name="llama-new"),
        ready("llama-old", owner="llama", revision="old", age_s=9000),
        node(),
        node("gpu-2"),
        *OWNED,
    )
    assert "rollout-deadlock" not in [item.cause for item in diagnose(facts, facts.replicas[0].ref).findings]


# --- killed while loading ---------------------------------------------------------------------------------


def test_the_probes_budget_is_computed_from_a_start_that_succeeded() -> None:
    facts = world(
        pod(
            owner="llama",
            status=crashed(137, back=True, ran_s=65),
            container={"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6}},
        ),
        ready("llama-2", owner="llama", started_s=9000, took_s=1234, node="gpu-2"),
        node(),
        *OWNED,
        event("Killing", "Container vllm failed startup probe, will be restarted"),
        previous=LOADING_LOG,
    )
    finding = first(facts)
    assert (finding.cause, finding.confidence) == ("startup-probe-kill", Confidence.CERTAIN)
    assert finding.fixes[0].params == {
        "namespace": NAMESPACE,
        "target": "deployment/llama",
        "container": "vllm",
        "path": "/health",
        "port": 8000,
        "period_seconds": 10,
        "failure_threshold": 186,  # 1.5 × 1234 s in periods of 10 s
        "progress_deadline_seconds": 1860 + 480,
    }


def test_without_one_the_interrupted_start_is_extrapolated() -> None:
    log = "\n".join(
        (
            "INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.12.0",
            "INFO 11-24 02:00:20 [model.py:1] Starting to load model x...",
            "Loading safetensors checkpoint shards:  25% Completed | 1/4",
            "INFO 11-24 02:05:20 [x.py:1] still at it",
        )
    )
    replica = killed("startup", log, ran_s=340)().replicas[0]
    assert estimate(replica).seconds == 15 + 20 + 300 / 0.25 + 120


def test_with_nothing_to_go_by_the_floor_holds() -> None:
    replica = killed("startup", "", ran_s=30)().replicas[0]
    assert (estimate(replica).seconds, estimate(replica).failure_threshold) == (60, 60)


@pytest.mark.parametrize(
    ("ran_s", "restarts", "found"),
    [
        (60, 5, ("startup-probe-kill", Confidence.STRONG)),
        (88, 5, ("startup-probe-kill", Confidence.STRONG)),
        (60, 1, ("startup-probe-kill", Confidence.PROBABLE)),
        (400, 5, ("unknown", Confidence.POSSIBLE)),
        (9, 5, ("unknown", Confidence.POSSIBLE)),
    ],
)
def test_timing_stands_in_for_a_lost_event(ran_s: float, restarts: int, found: tuple[str, Confidence]) -> None:
    facts = world(
        pod(
            status=crashed(137, ran_s=ran_s, restarts=restarts),
            container={"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6}},
        ),
        node(),
        log=LOADING_LOG,
    )
    finding = first(facts)
    assert (finding.cause, finding.confidence) == found


def test_a_kill_of_an_earlier_instance_is_not_this_ones() -> None:
    facts = world(
        pod(status=crashed(1, ended_s=20), container={"startupProbe": HEALTH | {"failureThreshold": 6}}),
        node(),
        event("Killing", "Container vllm failed startup probe, will be restarted", age_s=3000),
        log=LOADING_LOG,
    )
    assert first(facts).cause == "unknown"


def test_a_traceback_outweighs_the_probe() -> None:
    facts = killed("startup", log_text("fail-kv-too-small.log"))()
    assert first(facts).cause == "kv-cache-too-small"


def test_a_kill_for_memory_is_not_the_probes() -> None:
    facts = world(
        pod(
            status=crashed(137, reason="OOMKilled", ran_s=60),
            container={"startupProbe": HEALTH | {"failureThreshold": 6}},
        ),
        node(),
        log=LOADING_LOG,
    )
    assert first(facts).cause == "host-oom"


def test_liveness_does_not_count_while_a_startup_probe_runs() -> None:
    probes = {
        "startupProbe": HEALTH | {"failureThreshold": 100},
        "livenessProbe": HEALTH | {"failureThreshold": 6},
    }
    facts = world(pod(status=crashed(137, ran_s=60), container=probes), node(), log=LOADING_LOG)
    assert first(facts).cause == "unknown"


def test_a_probe_that_asks_a_server_that_is_up_elsewhere_is_misconfigured() -> None:
    facts = killed("startup", SERVING_LOG)()
    finding = first(facts)
    assert finding.cause == "probe-misconfigured"
    assert "8102" in finding.summary


# --- gated model ------------------------------------------------------------------------------------------


def test_a_gated_model_names_the_model_and_where_the_token_comes_from() -> None:
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf-token", "key": "token"}}}
    facts = world(
        pod(owner="llama", status=crashed(), container={"env": [token]}),
        node(),
        *OWNED,
        log=log_text("fail-gated403.log"),
    )
    finding = first(facts)
    assert "Secret hf-token, key token" in finding.summary
    fix = finding.fixes[0]
    assert fix.applicability is Applicability.ASK
    assert (fix.params["container"], fix.params["model"]) == ("vllm", "meta-llama/Meta-Llama-3-8B-Instruct")
    assert "https://huggingface.co/meta-llama/Meta-Llama-3-8B-Instruct" in " ".join(fix.steps)


def test_a_tokens_value_is_never_repeated() -> None:
    token = {"name": "HF_TOKEN", "value": "hf_secretsecretsecret"}
    facts = world(
        pod(owner="llama", status=crashed(), container={"env": [token]}), *OWNED, log=log_text("fail-gated403.log")
    )
    assert "hf_secret" not in repr(diagnose(facts, facts.replicas[0].ref))


def test_a_token_may_come_with_a_whole_secret() -> None:
    def said(**container: Any) -> str:
        facts = world(pod(status=crashed(), container=container), node(), log=log_text("fail-gated401.log"))
        return repr(first(facts))

    assert "sends no token" in said()
    whole = said(envFrom=[{"secretRef": {"name": "hub"}}])
    assert "sends no token" not in whole
    assert "all of Secret hub" in whole


@pytest.mark.parametrize("library", ["requests.exceptions.HTTPError", "httpx.HTTPStatusError"])
def test_the_words_of_older_hub_libraries(library: str) -> None:
    log = f"""\
Traceback (most recent call last):
  File "x.py", line 1, in f
{library}: 403 Client Error: Forbidden for url: https://hub/org/model/resolve/main/config.json

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "x.py", line 1, in f
huggingface_hub.errors.GatedRepoError: 403 Client Error.

Cannot access gated repo for url https://hub/org/model/resolve/main/config.json.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "x.py", line 1, in f
ValueError: Invalid repository ID or local directory specified: 'org/model'
"""
    facts = world(pod(status=crashed()), node(), log=log)
    finding = first(facts)
    assert (finding.cause, "org/model" in finding.summary) == ("gated-model", True)


# --- KV cache ---------------------------------------------------------------------------------------------

WORDS = (
    "To serve at least one request with the models's max seq len (8192), (1.00 GiB KV cache is needed, which is larger "
    "than the available KV cache memory (0.57 GiB). Based on the available memory, "
)
V0 = "The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV cache (5008)."


@pytest.mark.parametrize(
    ("message", "wanted", "fits", "printed"),
    [
        (f"{WORDS}the estimated maximum model length is 4656. Try increasing", 8192, 4656, True),
        (f"{WORDS} Try increasing", 8192, 4605, False),
        (V0, 8192, 5008, True),
        ("No available memory for the cache blocks. Try increasing", 0, None, True),
    ],
    ids=["0.12 and newer", "0.8.5 prints no estimate", "V0", "no room at all"],
)
def test_the_words_of_every_version(message: str, wanted: int, fits: int | None, printed: bool) -> None:
    shortage = read_shortage(message)
    assert (shortage.wanted, shortage.fits, shortage.printed) == (wanted, fits, printed)


def test_the_estimate_is_rounded_down_to_256() -> None:
    facts = world(pod(owner="llama", status=crashed()), node(), *OWNED, log=log_text("fail-kv-too-small.log"))
    fix = fix_of(facts)
    assert fix.params == {
        "namespace": NAMESPACE,
        "target": "deployment/llama",
        "container": "vllm",
        "max_model_len": 4608,
    }
    assert "longer requests will be refused" in fix.title
    assert fix.applicability is Applicability.SAFE


def test_with_no_room_at_all_a_shorter_context_is_not_offered() -> None:
    facts = world(pod(owner="llama", status=crashed()), node(), *OWNED, log=log_text("fail-kv-none.log"))
    assert fix_of(facts).runbook == ""


def test_every_fix_has_a_command_that_runs_it() -> None:
    for name in ("rollout-deadlock",):
        facts = FIRES[name]()
        assert fix_of(facts).command.startswith("vops run fix-")


def test_the_recorded_refusal_is_read() -> None:
    root = read_log(log_text("fail-kv-too-small.log")).root
    assert root is not None
    assert read_shortage(root.message).fits == 4656
