"""Recordings of real failures: pods of a real kubelet, and logs of real vLLM servers that did not start."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from tests.unit.diagnosis.cluster_parts import DATA, log_text, node, pod, world
from tests.unit.diagnosis.cluster_parts import crashed as crashed_status
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence, Report
from vops.diagnosis.logs import read_log
from vops.model.resources import Event, Node, Pod
from vops.model.snapshot import ClusterSnapshot, ContainerLog, Source, SourceState, SourceStatus
from vops.model.text import scrub

T = TypeVar("T")
KUBELET = DATA / "kubelet"
PODS = {
    "bad-arg": ("bad-argument", "crash-looping"),
    "cache-evicted": ("evicted", "failed"),
    "engine-dead": ("engine-dead", "crash-looping"),
    "gated-403": ("gated-model", "crash-looping"),
    "healthy": ("", "ready"),
    "host-oom": ("host-oom", "crash-looping"),
    "hub-down": ("hub-unreachable", "crash-looping"),
    "kv-too-small": ("kv-cache-too-small", "crash-looping"),
    "liveness-kill": ("startup-probe-kill", "crash-looping"),
    "no-configmap": ("missing-config", "creating"),
    "no-image": ("registry-unreachable", "creating"),
    "no-pvc": ("pvc-unbound", "pending"),
    "no-secret": ("missing-config", "creating"),
    "port-collision": ("vllm-port-collision", "crash-looping"),
    "read-only": ("permission-denied", "crash-looping"),
    "readiness-wrong-port": ("probe-misconfigured", "not-ready"),
    "startup-kill": ("startup-probe-kill", "crash-looping"),
    "tp-mismatch": ("tp-mismatch", "crash-looping"),
    "untolerated": ("untolerated-taint", "pending"),
    "weights-oom": ("cuda-oom-weights", "crash-looping"),
}
LOGS = {
    "cpu-0.32-fail-badarg.log": ("bad-argument", "ArgumentError: unrecognized arguments: --swap-space 4"),
    "cpu-0.32-fail-gated403.log": ("gated-model", "GatedRepoError: 403 Client Error"),
    "cpu-0.32-fail-localpath.log": ("model-not-found", "HFValidationError: Repo id must be in the form"),
    "cpu-0.32-fail-notfound.log": ("model-not-found", "RepositoryNotFoundError: 401 Client Error"),
    "fail-arch.log": ("unsupported-architecture", "ValidationError: The checkpoint you are trying to load has model"),
    "fail-badarg.log": ("bad-argument", "ArgumentError: unrecognized arguments: --tensor-parallell-size 1"),
    "fail-badvalue.log": ("bad-argument", "ValidationError: 1 validation error for CacheConfig"),
    "fail-corrupt.log": ("corrupted-download", "SafetensorError: Error while deserializing header: header too large"),
    "fail-dns.log": ("hub-unreachable", "ConnectError: [Errno -3] Temporary failure in name resolution"),
    "fail-gated401.log": ("token-missing", "GatedRepoError: 401 Client Error"),
    "fail-gated403.log": ("gated-model", "GatedRepoError: 403 Client Error"),
    "fail-gpu-busy.log": ("gpu-memory-not-free", "ValueError: Free memory on device cuda:0 (48.15/79.18 GiB)"),
    "fail-hubdown.log": ("hub-unreachable", "HfHubHTTPError: Server error '503 Service Unavailable'"),
    "fail-kv-none.log": ("kv-cache-too-small", "ValueError: No available memory for the cache blocks"),
    "fail-kv-too-small.log": ("kv-cache-too-small", "ValueError: To serve at least one request"),
    "fail-localpath.log": ("model-not-found", "HFValidationError: Repo id must be in the form"),
    "fail-maxlen.log": ("bad-argument", "ValidationError: User-specified max_model_len (131072) is greater"),
    "fail-nocuda.log": ("no-cuda-visible", "AssertionError: DP adjusted local rank 0 is out of bounds for 0 dev"),
    "fail-notfound.log": ("model-not-found", "RepositoryNotFoundError: 401 Client Error"),
    "fail-noweights.log": ("corrupted-download", "RuntimeError: Cannot find any model weights"),
    "fail-offline.log": ("hub-unreachable", "LocalEntryNotFoundError: Cannot find an appropriate cached snapshot"),
    "fail-port-inuse.log": ("port-in-use", "OSError: [Errno 98] Address already in use"),
    "fail-quant-mismatch.log": ("quantization-mismatch", "ValidationError: Quantization method specified in the"),
    "fail-ratelimit.log": ("hub-rate-limit", "HfHubHTTPError: (Request ID: Root=1-00000000-stub) 429 Too Many"),
    "fail-tp-heads.log": ("tp-mismatch", "ValidationError: Total number of attention heads (12) must be"),
    "fail-tp2.log": ("tp-mismatch", "ValidationError: World size (2) is larger than the number of"),
    "fail-truncated.log": ("corrupted-download", "SafetensorError: Error while deserializing header: incomplete"),
    "fail-vllm-port.log": ("vllm-port-collision", "ValueError: VLLM_PORT 'tcp://10.96.14.7:80' appears to be a URI"),
    "fail-weights-oom.log": ("cuda-oom-weights", "OutOfMemoryError: CUDA out of memory. Tried to allocate 160.00 M"),
}


class Objects(msgspec.Struct):
    items: list[msgspec.Raw]


def recorded(name: str, *, without: tuple[Source, ...] = ()) -> Report:
    """The diagnosis of one recorded pod, as of the moment it was recorded."""
    folder = KUBELET / name
    subject = msgspec.json.decode((folder / "pod.json").read_bytes(), type=Pod)
    held = {Source.PODS, Source.NODES, Source.EVENTS, Source.LOGS} - set(without)
    snapshot = ClusterSnapshot(
        at=datetime.fromisoformat("2026-11-23T23:45:00+00:00"),
        sources=tuple(SourceStatus(item, SourceState.LIVE) for item in held),
        pods=(subject,),
        nodes=_items(KUBELET / "nodes.json", Node) if Source.NODES in held else (),
        events=_items(folder / "events.json", Event) if Source.EVENTS in held else (),
        logs=_logs(folder, subject) if Source.LOGS in held else (),
    )
    facts = Facts(snapshot)
    replica = facts.replica_of_pod(subject)
    assert replica is not None
    return diagnose(facts, replica.ref)


def _items(path: Path, type_: type[T]) -> tuple[T, ...]:
    raw = msgspec.json.decode(path.read_bytes(), type=Objects)
    return tuple(msgspec.json.decode(item, type=type_) for item in raw.items)


def _logs(folder: Path, subject: Pod) -> tuple[ContainerLog, ...]:
    found = []
    for name, previous in (("vllm.log", False), ("vllm.previous.log", True)):
        if (folder / name).exists():
            text = scrub((folder / name).read_text("utf-8"))
            meta = subject.metadata
            found.append(ContainerLog(meta.namespace, meta.name, "vllm", text, previous))
    return tuple(found)


@pytest.mark.parametrize("name", sorted(path.name for path in KUBELET.iterdir() if path.is_dir()))
def test_a_recorded_pod_is_named_right_and_nothing_else_is_said(name: str) -> None:
    report = recorded(name)
    cause, state = PODS[name]
    assert [finding.cause for finding in report.findings] == ([cause] if cause else [])
    assert report.state == state


@pytest.mark.parametrize("name", sorted(LOGS))
def test_a_recorded_log_has_the_right_root_and_cause(name: str) -> None:
    cause, root = LOGS[name]
    assert str(read_log(log_text(name)).root).startswith(root)
    facts = world(pod(status=crashed_status()), node(), log=log_text(name))
    report = diagnose(facts, facts.replicas[0].ref)
    assert [finding.cause for finding in report.findings] == [cause]


@pytest.mark.parametrize("name", sorted(PODS))
def test_without_logs_nothing_is_made_up(name: str) -> None:
    """What needs the log is unknown then, or known by other means; a log that is missing is told of."""
    report = recorded(name, without=(Source.LOGS,))
    allowed = {PODS[name][0], "unknown"}
    assert {finding.cause for finding in report.findings} <= allowed
    if any(finding.cause == "unknown" for finding in report.findings) and report.state == "crash-looping":
        assert {item.needs for item in report.skipped} == {"logs"}


@pytest.mark.parametrize(
    ("name", "confidence"), [("startup-kill", Confidence.STRONG), ("liveness-kill", Confidence.STRONG)]
)
def test_a_probe_kill_is_seen_without_its_events(name: str, confidence: Confidence) -> None:
    finding = recorded(name, without=(Source.EVENTS,)).findings[0]
    assert (finding.cause, finding.confidence) == ("startup-probe-kill", confidence)


def test_an_untolerated_taint_is_not_guessed_without_nodes() -> None:
    report = recorded("untolerated", without=(Source.NODES,))
    assert [finding.cause for finding in report.findings] == ["unknown"]
    assert "untolerated taint" in report.findings[0].evidence[0].observed
    assert "untolerated-taint" in [item.rule for item in report.skipped]
