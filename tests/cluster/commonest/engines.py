"""Failures of vLLM itself: real servers' recorded output, and the exit codes that they had, from a real container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.cluster import vllm_pods
from tests.cluster.commonest.case import Case, dying


def _ends(cause: str, says: str, log: str, *, code: int = 1) -> Case:
    """The server prints `log` of tests/data/logs and ends with `code`."""
    return dying(cause, says, environment={"FAKE_FAILURE": log, "FAKE_EXIT": str(code)})


FAILURES: Mapping[str, Case] = {
    "gated": dying("gated-model", "403 Client Error", model=vllm_pods.GATED_MODEL),
    "no-token": _ends("token-missing", "401 Client Error", "fail-gated401"),
    "no-such-model": replace(
        _ends("model-not-found", "RepositoryNotFoundError", "fail-notfound"), confidence=("probable",)
    ),
    "hub-limits": _ends("hub-rate-limit", "429 Too Many", "fail-ratelimit"),
    "hub-down": _ends("hub-unreachable", "503 Service Unavailable", "fail-hubdown"),
    "no-dns": _ends("hub-unreachable", "Temporary failure in name resolution", "fail-dns"),
    "offline-without-cache": _ends("hub-unreachable", "LocalEntryNotFoundError", "fail-offline"),
    "weights-cut-off": _ends("corrupted-download", "incomplete", "fail-truncated"),
    "unknown-architecture": _ends("unsupported-architecture", "does not recognize this architecture", "fail-arch"),
    "wrong-quantization": _ends("quantization-mismatch", "Quantization method specified", "fail-quant-mismatch"),
    "two-ranks-on-one-gpu": _ends("tp-mismatch", "World size (2) is larger", "fail-tp2"),
    "heads-not-divisible": _ends("tp-mismatch", "attention heads (12)", "fail-tp-heads"),
    "context-too-long": dying("kv-cache-too-small", str(vllm_pods.ESTIMATED_LENGTH), flags=("--max-model-len", "8192")),
    "weights-too-big": _ends("cuda-oom-weights", "CUDA out of memory", "fail-weights-oom"),
    "gpu-in-use": _ends("gpu-memory-not-free", "Free memory on device cuda:0", "fail-gpu-busy"),
    "no-gpu-visible": _ends("no-cuda-visible", "", "fail-nocuda"),
    "misspelt-flag": _ends("bad-argument", "unrecognized arguments", "fail-badarg", code=2),
    "service-called-vllm": _ends("vllm-port-collision", "tcp://10.96.14.7:80", "fail-vllm-port"),
    "port-taken": _ends("port-in-use", "Address already in use", "fail-port-inuse"),
    "engine-died": _ends("engine-dead", "exit code 0, Completed", "dead-engine", code=0),
}
