"""What real kubelets and real vLLM servers said of failures is diagnosed, and what they said of health is not."""

from pathlib import Path

import pytest

from vops.diagnosis.findings import Report
from vops.operations.intake.bundle import diagnose_bundle

DATA = Path(__file__).parents[2] / "data"

PODS = {
    "alien-program": "image-wrong-arch",
    "all-gpus-unhealthy": "gpu-not-advertised",
    "arm-only": "image-wrong-arch",
    "bad-arg": "bad-argument",
    "cache-evicted": "evicted",
    "cache-of-another-user": "permission-denied",
    "disk-over-its-limit": "evicted",
    "engine-dead": "engine-dead",
    "failing-hook": "post-start-hook-failed",
    "gated-403": "gated-model",
    "gpu-fails-at-admission": "device-allocation-failed",
    "healthy": None,
    "host-oom": "host-oom",
    "hub-down": "hub-unreachable",
    "kv-too-small": "kv-cache-too-small",
    "liveness-kill": "startup-probe-kill",
    "misspelt-command": "bad-entrypoint",
    "no-configmap": "missing-config",
    "no-credentials": "image-auth",
    "no-gpu-runtime": "sandbox-failed",
    "no-image": "registry-unreachable",
    "no-pvc": "pvc-unbound",
    "no-secret": "missing-config",
    "no-such-host-path": "mount-failed",
    "no-such-key": "missing-config",
    "no-such-tag": "image-not-found",
    "node-cordoned": "node-unavailable",
    "port-collision": "vllm-port-collision",
    "pulled-too-often": "image-rate-limit",
    "read-only": "permission-denied",
    "readiness-over-tls": "probe-misconfigured",
    "readiness-wrong-port": "probe-misconfigured",
    "root-refused": "admission-denied",
    "startup-kill": "startup-probe-kill",
    "tp-mismatch": "tp-mismatch",
    "untolerated": "untolerated-taint",
    "weights-oom": "cuda-oom-weights",
}

LOGS = {
    "dead-engine": "engine-dead",
    "fail-arch": "unsupported-architecture",
    "fail-badarg": "bad-argument",
    "fail-badvalue": "bad-argument",
    "fail-corrupt": "corrupted-download",
    "fail-dns": "hub-unreachable",
    "fail-gated401": "token-missing",
    "fail-gated403": "gated-model",
    "fail-gpu-busy": "gpu-memory-not-free",
    "fail-hubdown": "hub-unreachable",
    "fail-kv-none": "kv-cache-too-small",
    "fail-kv-too-small": "kv-cache-too-small",
    "fail-localpath": "model-not-found",
    "fail-maxlen": "bad-argument",
    "fail-nocuda": "no-cuda-visible",
    "fail-notfound": "model-not-found",
    "fail-noweights": "corrupted-download",
    "fail-offline": "hub-unreachable",
    "fail-port-inuse": "port-in-use",
    "fail-quant-mismatch": "quantization-mismatch",
    "fail-ratelimit": "hub-rate-limit",
    "fail-tp-heads": "tp-mismatch",
    "fail-tp2": "tp-mismatch",
    "fail-truncated": "corrupted-download",
    "fail-vllm-port": "vllm-port-collision",
    "fail-weights-oom": "cuda-oom-weights",
    "fail-nochat": None,
    "sigterm": None,
    "size-l8-045-fp8": None,
    "size-qwen06": None,
    "size-l8-045": None,
    "cpu-0.32-fail-badarg": "bad-argument",
    "cpu-0.32-fail-gated403": "gated-model",
    "cpu-0.32-fail-localpath": "model-not-found",
    "cpu-0.32-fail-notfound": "model-not-found",
    "cpu-0.32-healthy-load": None,
}


def _causes(reports: list[Report]) -> list[str]:
    assert len(reports) == 1
    return [finding.cause for finding in reports[0].findings]


@pytest.mark.parametrize("name", PODS)
def test_a_recorded_pod_has_the_one_cause_that_it_has(name: str) -> None:
    reports, problems = diagnose_bundle([DATA / "kubelet" / name], None)
    assert problems == []
    assert _causes(reports) == ([PODS[name]] if PODS[name] else [])


@pytest.mark.parametrize("name", LOGS)
def test_a_log_alone_has_the_one_cause_that_it_tells(name: str) -> None:
    reports, _ = diagnose_bundle([], (DATA / "logs" / f"{name}.log").read_bytes())
    assert _causes(reports) == ([LOGS[name]] if LOGS[name] else [])


def test_every_recording_is_asked() -> None:
    assert {path.name for path in (DATA / "kubelet").iterdir() if path.is_dir()} == set(PODS)
    assert {path.stem for path in (DATA / "logs").glob("*.log")} == set(LOGS)


def test_the_length_that_fits_is_the_printed_estimate_rounded_down() -> None:
    reports, _ = diagnose_bundle([DATA / "kubelet" / "kv-too-small"], None)
    fix = reports[0].findings[0].fixes[0]
    assert "4608" in fix.title + " ".join(fix.steps)
