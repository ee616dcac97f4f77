"""Recordings of real failures: pods of a real kubelet, and logs of real vLLM servers that did not start."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from tests.unit.diagnosis.cluster_parts import DATA, log_text
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence, Report
from vops.diagnosis.logs.reader import read_log
from vops.model.pods import Pod
from vops.model.resources import Event, Node
from vops.model.snapshot import ClusterSnapshot, ContainerLog, Source, SourceState, SourceStatus
from vops.model.text import scrub

T = TypeVar("T")
KUBELET = DATA / "kubelet"
STATES = {
    "bad-arg": "crash-looping",
    "cache-evicted": "failed",
    "engine-dead": "crash-looping",
    "gated-403": "crash-looping",
    "healthy": "ready",
    "host-oom": "crash-looping",
    "hub-down": "crash-looping",
    "kv-too-small": "crash-looping",
    "liveness-kill": "crash-looping",
    "no-configmap": "creating",
    "no-image": "creating",
    "no-pvc": "pending",
    "no-secret": "creating",
    "port-collision": "crash-looping",
    "read-only": "crash-looping",
    "readiness-wrong-port": "not-ready",
    "startup-kill": "crash-looping",
    "tp-mismatch": "crash-looping",
    "untolerated": "pending",
    "weights-oom": "crash-looping",
}
ROOTS = {
    "cpu-0.32-fail-badarg.log": "ArgumentError: unrecognized arguments: --swap-space 4",
    "cpu-0.32-fail-gated403.log": "GatedRepoError: 403 Client Error",
    "cpu-0.32-fail-localpath.log": "HFValidationError: Repo id must be in the form",
    "cpu-0.32-fail-notfound.log": "RepositoryNotFoundError: 401 Client Error",
    "fail-arch.log": "ValidationError: The checkpoint you are trying to load has model",
    "fail-badarg.log": "ArgumentError: unrecognized arguments: --tensor-parallell-size 1",
    "fail-badvalue.log": "ValidationError: 1 validation error for CacheConfig",
    "fail-corrupt.log": "SafetensorError: Error while deserializing header: header too large",
    "fail-dns.log": "ConnectError: [Errno -3] Temporary failure in name resolution",
    "fail-gated401.log": "GatedRepoError: 401 Client Error",
    "fail-gated403.log": "GatedRepoError: 403 Client Error",
    "fail-gpu-busy.log": "ValueError: Free memory on device cuda:0 (48.15/79.18 GiB)",
    "fail-hubdown.log": "HfHubHTTPError: Server error '503 Service Unavailable'",
    "fail-kv-none.log": "ValueError: No available memory for the cache blocks",
    "fail-kv-too-small.log": "ValueError: To serve at least one request",
    "fail-localpath.log": "HFValidationError: Repo id must be in the form",
    "fail-maxlen.log": "ValidationError: User-specified max_model_len (131072) is greater",
    "fail-nocuda.log": "AssertionError: DP adjusted local rank 0 is out of bounds for 0 dev",
    "fail-notfound.log": "RepositoryNotFoundError: 401 Client Error",
    "fail-noweights.log": "RuntimeError: Cannot find any model weights",
    "fail-offline.log": "LocalEntryNotFoundError: Cannot find an appropriate cached snapshot",
    "fail-port-inuse.log": "OSError: [Errno 98] Address already in use",
    "fail-quant-mismatch.log": "ValidationError: Quantization method specified in the",
    "fail-ratelimit.log": "HfHubHTTPError: (Request ID: Root=1-00000000-stub) 429 Too Many",
    "fail-tp-heads.log": "ValidationError: Total number of attention heads (12) must be",
    "fail-tp2.log": "ValidationError: World size (2) is larger than the number of",
    "fail-truncated.log": "SafetensorError: Error while deserializing header: incomplete",
    "fail-vllm-port.log": "ValueError: VLLM_PORT 'tcp://10.96.14.7:80' appears to be a URI",
    "fail-weights-oom.log": "OutOfMemoryError: CUDA out of memory. Tried to allocate 160.00 M",
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


@pytest.mark.parametrize("name", sorted(STATES))
def test_the_state_of_a_recorded_pod(name: str) -> None:
    assert recorded(name).state == STATES[name]


@pytest.mark.parametrize("name", sorted(ROOTS))
def test_the_root_error_of_a_recorded_log(name: str) -> None:
    assert str(read_log(log_text(name)).root).startswith(ROOTS[name])


@pytest.mark.parametrize("name", sorted(path.name for path in (DATA / "logs").iterdir() if path.name not in ROOTS))
def test_the_other_recorded_logs_have_none(name: str) -> None:
    """They served; one refuses a request without an end to the server."""
    reading = read_log(log_text(name))
    assert reading.ready
    assert reading.root is None or reading.root.line > (reading.ready_line or 0) or reading.terminated


@pytest.mark.parametrize("name", sorted(STATES))
def test_without_logs_nothing_is_made_up(name: str) -> None:
    """What needs the log is unknown then, or known by other means; a log that is missing is told of."""
    report = recorded(name, without=(Source.LOGS,))
    known = {finding.cause for finding in recorded(name).findings}
    assert {finding.cause for finding in report.findings if not finding.guessed} <= known | {"unknown"}
    if any(finding.cause == "unknown" for finding in report.findings) and report.state == "crash-looping":
        assert {item.needs for item in report.skipped} == {"logs"}


@pytest.mark.parametrize(
    ("name", "confidence"), [("startup-kill", Confidence.STRONG), ("liveness-kill", Confidence.STRONG)]
)
def test_a_probe_kill_is_seen_without_its_events(name: str, confidence: Confidence) -> None:
    finding = recorded(name, without=(Source.EVENTS,)).findings[0]
    assert (finding.cause, finding.confidence) == ("startup-probe-kill", confidence)


def test_an_untolerated_taint_is_no_more_than_possible_without_nodes() -> None:
    report = recorded("untolerated", without=(Source.NODES,))
    finding, *others = report.findings
    assert (finding.cause, finding.confidence) == ("untolerated-taint", Confidence.POSSIBLE)
    assert all(item.guessed for item in others)
    assert "untolerated taint" in finding.evidence[0].observed
    assert "untolerated-taint" in [item.rule for item in report.skipped]
