"""What an unrecognised failure may be: at most two guesses after `unknown`, and none where nothing fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.tui.builders import StubCluster, session
from tests.unit.diagnosis.cluster_parts import (
    GPU,
    HEALTH,
    NAMESPACE,
    crashed,
    deployment,
    event,
    node,
    pending,
    pod,
    replicaset,
    running,
    the_replica,
    world,
)
from tests.unit.diagnosis.healthy_cases import HEALTHY
from tests.unit.diagnosis.rule_cases import LOADING_LOG, SERVING_LOG
from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.facts import Facts, Replica
from vops.diagnosis.findings import Applicability, Confidence, Finding, Severity
from vops.diagnosis.guesses.candidates import MOST, Failure, candidates, fits
from vops.diagnosis.guesses.suspect import Suspect, Trouble
from vops.diagnosis.guesses.suspect_tests import TESTS
from vops.diagnosis.guesses.suspects import SUSPECTS
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.rule import discover
from vops.model.objects import Ref
from vops.model.pods import Container
from vops.model.snapshot import Source
from vops.operations.fix import plan_fix
from vops.runbooks.kinds import RefArg, View
from vops.runbooks.steps.diagnose import Args, look

BANNER = "INFO 11-24 03:00:00 [api_server.py:1] vLLM API server version 0.25.1\n"
CONFIG = BANNER + "INFO 11-24 03:00:01 [utils.py:2] non-default args: {'model': 'm'}\n"
ENGINE = CONFIG + "INFO 11-24 03:00:02 [core.py:3] Initializing a V1 LLM engine (v0.25.1) with config: model='m'\n"
WEIGHTS = ENGINE + "INFO 11-24 03:00:03 [gpu_model_runner.py:4] Starting to load model m...\n"
WRAPPER = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"
PROBED = {"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 60}}
SPLIT = {"command": ["vllm", "serve", "m/m", "--tensor-parallel-size", "2"]}

SAMPLES = [
    ("disk-full", "OSError: [Errno 28] No space left on device"),
    ("shm-too-small", "RuntimeError: unable to open shared memory object"),
    ("shm-too-small", "MessageQueue broadcast failed"),
    ("permission-denied", "PermissionError: [Errno 13] Permission denied: '/x'"),
    ("vllm-port-collision", "invalid literal for int() with base 10: 'tcp://10.43.1.39:8000'"),
    ("port-in-use", "OSError: [Errno 98] Address already in use"),
    ("dns-failure", "socket.gaierror: Temporary failure in name resolution"),
    ("hub-rate-limit", "429 Too Many Requests"),
    ("gated-model", "403 Forbidden"),
    ("token-missing", "401 Unauthorized"),
    ("model-not-found", "FileNotFoundError: No such file or directory: 'config.json'"),
    ("hub-unreachable", "urllib3.exceptions.MaxRetryError: Max retries exceeded"),
    ("corrupted-download", "safetensors_rust.SafetensorError: header too large"),
    ("nixl-handshake", "nixl agent failed"),
    ("nccl-failure", "torch.distributed.DistBackendError: NCCL error"),
    ("nccl-failure", "Engine core initialization failed"),
    ("ray-unreachable", "raylet died"),
    ("kv-cache-too-small", "No cache blocks: max_model_len is too long"),
    ("kv-cache-too-small", "Engine core initialization failed"),
    ("gpu-memory-not-free", "free memory changed"),
    ("gpu-memory-not-free", "Engine core initialization failed"),
    ("cuda-oom-weights", "OutOfMemoryError"),
    ("cuda-oom-runtime", "CUBLAS_STATUS_ALLOC_FAILED"),
    ("host-oom", "MemoryError: std::bad_alloc"),
    ("xid-gpu-lost", "uncorrectable ECC error"),
    ("no-cuda-visible", "No CUDA GPUs are available"),
    ("unsupported-dtype", "bfloat16 wants another compute capability"),
    ("cuda-driver-mismatch", "the provided PTX was compiled by another toolchain"),
    ("lora-problem", "LoRA adapter is odd"),
    ("chat-template-missing", "jinja2.TemplateError"),
    ("quantization-mismatch", "qweight is odd"),
    ("tp-mismatch", "total number of attention heads must be divisible by"),
    ("broken-install", "ImportError: undefined symbol"),
    ("unsupported-architecture", "KeyError: model_type"),
    ("bad-argument", "ValidationError: must be positive"),
    ("engine-start-timeout", "TimeoutError: timed out"),
    ("engine-wedged", "TimeoutError: RPC timed out"),
    ("dra-claim-pending", "cannot allocate all claims"),
    ("pvc-unbound", "unbound immediate PersistentVolumeClaims"),
    ("pvc-unbound", "volume is odd"),
    ("untolerated-taint", "untolerated taint(s)"),
    ("spread-or-affinity", "topology spread constraints"),
    ("node-selector-mismatch", "node affinity/selector"),
    ("cpu-memory-short", "Insufficient memory"),
    ("gpu-not-advertised", "3 Insufficient nvidia.com/gpu"),
    ("missing-config", 'secret "x" is odd'),
    ("permission-denied", "permission denied"),
    ("sandbox-failed", "FailedCreatePodSandBox"),
    ("mount-failed", "FailedMount"),
    ("registry-unreachable", "pull of manifest"),
    ("image-not-found", "image is odd"),
    ("image-auth", "Init:ImagePullBackOff"),
    ("bad-entrypoint", "OCI runtime exec"),
]


def guessed(facts: Facts) -> list[str]:
    """The causes of the guesses about the first replica of a world."""
    return [item.cause for item in findings(facts) if item.guessed]


def findings(facts: Facts) -> tuple[Finding, ...]:
    return diagnose(facts, the_replica(facts).ref).findings


def died(log: str = "", code: int = 1, **more: Any) -> Facts:
    """A server that ends again and again and leaves this log."""
    return world(pod(status=crashed(code), **more), node(), log=log)


def known(item: Suspect) -> list[Failure]:
    """Failures for which all holds that a suspect asks for, but for its fact."""
    stage = next((stage for stage in Stage if stage in item.stages), None)
    code = min(item.codes, default=None)
    words = [text for cause, text in SAMPLES if cause == item.cause] if item.words is not None else [""]
    return [Failure(item.trouble, text, stage, code) for text in words]


def bare(item: Suspect) -> Suspect:
    return msgspec.structs.replace(item, fact=None)


@pytest.fixture(scope="module")
def replica() -> Replica:
    return the_replica(died(ENGINE))


@pytest.mark.parametrize("item", SUSPECTS, ids=lambda item: f"{item.cause}-{item.because}")
def test_a_suspect_comes_to_mind_only_when_all_holds(item: Suspect, replica: Replica) -> None:
    failure = next((one for one in known(item) if fits(bare(item), one, replica)), None)
    assert failure is not None
    other = next(trouble for trouble in Trouble if trouble is not item.trouble)
    assert not fits(item, msgspec.structs.replace(failure, trouble=other), replica)
    for stage in set(Stage) - item.stages if item.stages else ():
        assert not fits(item, msgspec.structs.replace(failure, stage=stage), replica)
    assert not item.codes or not fits(item, msgspec.structs.replace(failure, code=77), replica)
    assert item.words is None or not fits(item, msgspec.structs.replace(failure, words="odd"), replica)
    if item.fact is not None:
        assert fits(item, failure, replica) is item.fact(replica)


def test_every_suspect_can_be_told_and_is_a_cause_that_a_rule_knows() -> None:
    causes = {item.cause for item in SUSPECTS}
    assert causes <= set(TESTS)
    assert set(TESTS) == {rule.cause for rule in discover()} - {"autoscaler-working"}


ODD = "Traceback (most recent call last):\n  File 'x'\n"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (died(BANNER), ["bad-argument", "model-not-found"]),
        (died(CONFIG), ["hub-unreachable", "token-missing"]),
        (died(CONFIG, container={"command": ["vllm", "serve", "/models/m"]}), ["model-not-found", "bad-argument"]),
        (died(ENGINE), ["gpu-memory-not-free", "cuda-driver-mismatch"]),
        (died(ENGINE, gpus=2, container=SPLIT), ["nccl-failure", "shm-too-small"]),
        (died(WEIGHTS), ["cuda-oom-weights", "host-oom"]),
        (died(WRAPPER), ["gpu-memory-not-free", "kv-cache-too-small"]),
        (died(WRAPPER, gpus=2, container=SPLIT), ["nccl-failure", "gpu-memory-not-free"]),
        (died(WEIGHTS + ODD + "x.OddError: quantization is odd\n"), ["quantization-mismatch", "cuda-oom-weights"]),
        (died(BANNER, 0), ["bad-entrypoint", "engine-dead"]),
        (died(BANNER, 2), ["bad-argument", "bad-entrypoint"]),
        (died(ENGINE, 2), ["gpu-memory-not-free", "cuda-driver-mismatch"]),
        (died("", 127), ["bad-entrypoint", "mount-failed"]),
        (died(SERVING_LOG, 0), ["engine-dead", "xid-gpu-lost"]),
        (died(ENGINE, 136), ["broken-install", "cuda-driver-mismatch"]),
        (died(ENGINE, 137), ["node-oom"]),
        (died(ENGINE, 143), ["node-lost", "evicted"]),
        (died(ENGINE, 143, container=PROBED), ["startup-probe-kill", "node-lost"]),
        (died(ENGINE + ODD + "x.OddError: odd\n", 139), ["broken-install", "cuda-driver-mismatch"]),
    ],
)  # fmt: skip
def test_what_is_known_decides_what_is_guessed(facts: Facts, expected: list[str]) -> None:
    first, *others = findings(facts)
    assert (first.cause, [item.cause for item in others if item.guessed]) == ("unknown", expected)


def test_a_pod_without_a_node_is_guessed_by_the_schedulers_words() -> None:
    facts = world(pending("0/1 nodes are available: 1 node(s) did not tolerate it."), without=[Source.NODES])
    assert guessed(facts) == ["untolerated-taint", "gpu-exhausted"]


def test_short_gpus_that_nobody_has_seen_may_be_offered_by_no_node() -> None:
    control_plane = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"
    said = f"0/4 nodes are available: {control_plane}, 3 Insufficient nvidia.com/gpu."
    assert guessed(world(pending(said), without=[Source.NODES])) == ["gpu-not-advertised", "node-unavailable"]
    other = said.replace("node-role.kubernetes.io/control-plane", "dedicated")
    assert guessed(world(pending(other), without=[Source.NODES]))[0] == "untolerated-taint"


def test_a_container_that_is_not_created_is_guessed_by_the_kubelets_words() -> None:
    odd = {"ready": False, "state": {"waiting": {"reason": "OddError", "message": "an odd volume"}}}
    assert guessed(world(pod(status=odd, phase="Pending"), node())) == ["mount-failed", "sandbox-failed"]


def test_a_server_that_never_gets_ready_is_guessed_by_its_stage() -> None:
    late = pod(status=running(90_000), container={"readinessProbe": HEALTH}, age_s=90_000)
    facts = world(late, node(), log=CONFIG)
    assert guessed(facts) == ["hub-unreachable", "probe-misconfigured"]
    assert "--previous" not in findings(facts)[1].fixes[0].steps[0]
    assert guessed(world(late, node(), log=ENGINE)) == ["probe-misconfigured", "engine-wedged"]


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_where_nothing_is_wrong_nothing_is_guessed(name: str) -> None:
    found = [item for report in diagnose_all(HEALTHY[name]()) for item in report.findings]
    assert not any(item.guessed for item in found)


def test_a_server_that_loads_again_after_a_death_is_not_guessed_about() -> None:
    back = pod(status=crashed(restarts=1, back=True))
    found = findings(world(back, node(), previous=ENGINE))
    assert [item.cause for item in found if item.guessed] == []


def test_what_is_known_better_is_not_followed_by_guesses() -> None:
    killed = world(pod(status=crashed(137, reason="OOMKilled")), node(), log=LOADING_LOG)
    assert findings(killed)[0].confidence is Confidence.CERTAIN
    assert guessed(killed) == []


@pytest.mark.parametrize("killing", [True, False])
def test_a_signal_that_the_kubelet_sent_is_not_guessed_to_be_the_kernels(killing: bool) -> None:
    said = [event("Killing", "Stopping container vllm")] if killing else []
    container = {"resources": {"limits": {GPU: "1", "memory": "16Gi"}}, "livenessProbe": HEALTH}
    facts = world(pod(status=crashed(137), container=container), node(), *said, log=ENGINE + ODD + "x.OddError: odd\n")
    assert ("host-oom" in guessed(facts)) is not killing


def test_a_guess_says_that_it_is_one_and_how_to_tell() -> None:
    guesses = [item for item in findings(died(ENGINE)) if item.guessed]
    assert len(guesses) == MOST
    for item in guesses:
        (fix,) = item.fixes
        assert (item.severity, item.confidence) == (Severity.INFO, Confidence.POSSIBLE)
        assert fix.applicability is Applicability.MANUAL
        assert fix.steps[0].startswith(("kubectl ", "vops "))
        assert "{" not in " ".join(fix.steps)


def test_of_several_replicas_a_guess_is_told_once_and_a_cause_that_was_found_is_none() -> None:
    known = pod("llama-2", owner="llama", status=crashed(137, reason="OOMKilled"))
    odd = pod("llama-1", owner="llama", status=crashed(), container={"env": []})
    facts = world(odd, known, node(), deployment(replicas=2), replicaset(), log=WEIGHTS)
    found = diagnose(facts, Ref("Deployment", "llama", NAMESPACE)).findings
    assert [item.guessed for item in found if item.cause == "host-oom"] == [False]
    assert [item.severity for item in found][:2] == [Severity.ERROR, Severity.ERROR]


def test_a_sidecar_is_not_guessed_about_like_a_server() -> None:
    view = the_replica(died(ENGINE))
    beside = replace(view, container=msgspec.convert({"name": "proxy", "image": "envoy"}, Container))
    found = findings(died(ENGINE))[:1]
    assert candidates(view, found)
    assert candidates(beside, found) == ()


class OnlyRead(StubCluster):
    def read_only(self) -> OnlyRead:
        return self


async def test_what_fixes_a_server_takes_a_guess_only_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = died(ENGINE)
    ref = the_replica(facts).ref

    async def look_closely(*_: Any) -> tuple[Any, Any]:
        return facts.snapshot, diagnose(facts, ref)

    monkeypatch.setattr("vops.operations.fix.look_closely", look_closely)
    on_it = session(cluster=OnlyRead())
    by_itself = await plan_fix(on_it, ref)
    named = await plan_fix(on_it, ref, cause=guessed(facts)[0])
    assert (by_itself.finding and by_itself.finding.cause, by_itself.fix) == ("unknown", None)
    assert (named.fix and named.fix.applicability, named.plan) == (Applicability.MANUAL, None)


def test_a_runbook_does_not_take_a_guess_for_a_cause() -> None:
    facts = died(ENGINE)
    ref = RefArg("Pod", the_replica(facts).name, NAMESPACE)
    guess = guessed(facts)[0]
    assert look(Args(ref, guess), View(facts.snapshot)).outputs["found"] is False
    assert look(Args(ref), View(facts.snapshot)).outputs["cause"] == "unknown"
