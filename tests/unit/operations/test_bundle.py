"""Diagnosis without a cluster: what each form of a bundle becomes, and what is said of what cannot be used."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from vops.diagnosis.facts import Facts
from vops.errors import InputError
from vops.model.scaling import HorizontalPodAutoscaler
from vops.model.snapshot import ContainerLog, Source, SourceState
from vops.operations.intake.bundle import diagnose_bundle, read_bundle

DATA = Path(__file__).parents[2] / "data"
KUBELET = DATA / "kubelet"
POD = json.loads((KUBELET / "gated-403" / "pod.json").read_text())
LOG = (KUBELET / "gated-403" / "vllm.log").read_bytes()
METRICS = gzip.decompress((DATA / "metrics" / "vllm-0.25.1-late.prom.gz").read_bytes())
DCGM = b'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",Hostname="n1",pod="gated-403",namespace="inference"} 42\n'


def dump(name: str, document: Any) -> str:
    if name.endswith(".json"):
        return json.dumps(document)
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(document, stream)
    return stream.getvalue()


def typed_list(kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    """As the API sends a list: the items have neither kind nor apiVersion."""
    bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    return {"apiVersion": "v1", "kind": f"{kind}List", "items": bare}


def renamed(name: str) -> dict[str, Any]:
    return {**POD, "metadata": {**POD["metadata"], "name": name, "uid": name}}


def logs_of(folder: Path) -> list[tuple[str, str, bool]]:
    return [(log.pod, log.container, log.previous) for log in read_bundle([folder])[0].logs]


# --- folders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", sorted(path.name for path in KUBELET.iterdir() if path.is_dir()))
def test_a_folder_of_one_pod_gives_a_report_of_it(folder: str) -> None:
    reports, problems = diagnose_bundle([KUBELET / folder], None)
    assert [(report.subject.namespace, report.subject.name) for report in reports] == [("inference", folder)]
    assert problems == []
    assert bool(reports[0].findings) == (folder != "healthy")


def test_a_folder_is_joined_to_its_logs_events_and_the_nodes_above() -> None:
    snapshot, _ = read_bundle([KUBELET / "gated-403"])
    replica = Facts(snapshot).replicas[0]
    assert replica.log is not None
    assert replica.events
    assert replica.gpu_product.startswith("NVIDIA")
    assert snapshot.source(Source.LOGS).state is SourceState.LIVE
    assert snapshot.source(Source.METRICS).detail == "not in the bundle"
    assert not snapshot.source(Source.METRICS).usable


def test_folders_below_one_another_keep_their_own_logs() -> None:
    snapshot, problems = read_bundle([KUBELET])
    assert problems == []
    texts = {log.pod: log.text for log in snapshot.logs if not log.previous}
    assert "403" in texts["gated-403"]
    assert "unrecognized arguments" in texts["bad-arg"]


def test_the_same_file_twice_counts_once() -> None:
    folder = KUBELET / "gated-403"
    assert len(diagnose_bundle([folder, folder / "pod.json", folder], None)[0]) == 1


def test_time_is_the_newest_that_objects_tell_of() -> None:
    document = {**POD, "status": {**POD["status"], "startTime": "2027-01-02T03:04:05"}}
    snapshot, _ = read_bundle([], json.dumps(document).encode())
    assert snapshot.at == datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


# --- objects ----------------------------------------------------------------------------------------------

FORMS = {
    "one.json": lambda name: dump(name, POD),
    "one.yaml": lambda name: dump(name, POD),
    "typed-list.json": lambda name: dump(name, typed_list("Pod", POD)),
    "list.yml": lambda name: dump(name, {"apiVersion": "v1", "kind": "List", "items": [POD, {"kind": "Secret"}]}),
    "documents.yaml": lambda name: "# a comment\n---\n" + dump(name, POD) + "---\nkind: Service\n",
    "documents.json": lambda name: dump(name, {"kind": "Service"}) + "\n" + dump(name, POD),
    "mixed.yaml": lambda name: "---\nkind: Service\n---\n" + json.dumps(POD),
    "unknown-suffix.txt": lambda name: dump(name, POD),
}


@pytest.mark.parametrize("name", FORMS)
def test_objects_are_read_in_every_form(tmp_path: Path, name: str) -> None:
    text = FORMS[name](name)
    (tmp_path / name).write_text(text)
    for snapshot, problems in (read_bundle([tmp_path / name]), read_bundle([], text.encode())):
        assert [pod.metadata.name for pod in snapshot.pods] == ["gated-403"]
        assert problems == []


def test_hand_written_objects_may_hold_nulls_numbers_and_unquoted_times() -> None:
    text = b"""
kind: Pod
metadata: {name: a, labels: null, creationTimestamp: 2026-11-24T00:00:00}
spec:
  containers: [{name: vllm, image: vllm/vllm-openai:v0.25.1, command: null, resources: {limits: {nvidia.com/gpu: 2}}}]
"""
    reports, problems = diagnose_bundle([], text)
    assert (problems, reports[0].subject.name) == ([], "a")
    assert reports[0].at == "2026-11-24T00:00:00Z"


def test_events_of_both_apis_are_the_same() -> None:
    about = {"kind": "Pod", "namespace": "inference", "name": "gated-403"}
    event = {"metadata": {"name": "e"}, "regarding": about, "note": "told", "reason": "Failed", "deprecatedCount": 7}
    document = {"apiVersion": "events.k8s.io/v1", "kind": "EventList", "items": [event]}
    found = read_bundle([], json.dumps(document).encode())[0].events[0]
    assert (found.involved_object.name, found.message, found.times) == ("gated-403", "told", 7)


def test_an_empty_list_is_known_to_be_empty() -> None:
    snapshot, _ = read_bundle([KUBELET / "gated-403"], json.dumps(typed_list("Deployment")).encode())
    assert snapshot.source(Source.DEPLOYMENTS).usable
    assert not snapshot.source(Source.STATEFULSETS).usable


def test_a_snapshot_is_diagnosed_as_what_it_was_made_from(tmp_path: Path) -> None:
    snapshot, _ = read_bundle([KUBELET / "gated-403"])
    file = tmp_path / "snapshot.json"
    file.write_bytes(snapshot.to_json())
    assert read_bundle([file]) == (snapshot, [])


# --- logs and metrics -------------------------------------------------------------------------------------

NAMES = {
    "vllm.log": [("gated-403", "vllm", False)],
    "vllm.previous.log": [("gated-403", "vllm", True)],
    "gated-403.log": [("gated-403", "vllm", False)],
    "gated-403_vllm.previous.log": [("gated-403", "vllm", True)],
    "anything.log": [("gated-403", "vllm", False)],
}


@pytest.mark.parametrize("name", NAMES)
def test_logs_belong_to_the_pod_that_their_name_tells(tmp_path: Path, name: str) -> None:
    (tmp_path / "pod.json").write_text(json.dumps(POD))
    (tmp_path / name).write_bytes(LOG)
    assert logs_of(tmp_path) == NAMES[name]


def test_a_log_of_nobody_or_of_several_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "pods.json").write_text(json.dumps(typed_list("Pod", POD, renamed("other"))))
    for name in ("vllm.log", "stranger.log", "other_vllm.log"):
        (tmp_path / name).write_bytes(LOG)
    snapshot, problems = read_bundle([tmp_path])
    assert [log.pod for log in snapshot.logs] == ["other"]
    assert ["stranger.log: not used: no pod" in problems[0], "vllm.log: not used: more" in problems[1]] == [True, True]


SERVING = (KUBELET / "healthy" / "vllm.log").read_bytes().partition(b"Application startup complete.")
LONE_LOGS = {
    "an exception": (LOG, "crash-looping"),
    "a refused argument": ((KUBELET / "bad-arg" / "vllm.log").read_bytes(), "crash-looping"),
    "serving": (b"".join(SERVING[:2]) + b"\n", "ready"),
    "loading": (SERVING[0][:2000], "loading"),
}


@pytest.mark.parametrize("name", LONE_LOGS)
def test_a_log_on_its_own_is_diagnosed_by_a_pod_that_stands_for_it(name: str) -> None:
    body, state = LONE_LOGS[name]
    reports, problems = diagnose_bundle([], body)
    assert [(report.subject.name, report.state) for report in reports] == [("(not named)", state)]
    assert problems == []
    assert {part.source for finding in reports[0].findings for part in finding.evidence} <= {"log"}


def test_logs_without_pods_stand_for_one_pod_each(tmp_path: Path) -> None:
    for name in ("a.log", "a.previous.log", "b_server.log"):
        shutil.copyfile(KUBELET / "gated-403" / "vllm.log", tmp_path / name)
    assert logs_of(tmp_path) == [("a", "vllm", False), ("a", "vllm", True), ("b", "server", False)]
    assert len(diagnose_bundle([tmp_path], None)[0]) == 2


def test_metrics_belong_to_the_pod_or_stand_for_one(tmp_path: Path) -> None:
    alone, _ = read_bundle([], METRICS)
    (tmp_path / "pod.json").write_text(json.dumps(POD))
    (tmp_path / "gated-403.prom").write_bytes(METRICS)
    (tmp_path / "gpus.prom").write_bytes(DCGM)
    joined, problems = read_bundle([tmp_path])
    for snapshot in (alone, joined):
        latest = Facts(snapshot).replicas[0].samples
        assert latest is not None
        assert latest.latest is not None
        assert latest.latest.engines
    assert [gpu.utilisation for gpu in joined.gpus] == [0.42]
    assert problems == []
    assert diagnose_bundle([], METRICS)[0][0].state == "ready"


# --- what cannot be used ----------------------------------------------------------------------------------

FROM_THE_MIDDLE = """\
  minReplicas: 1
  scaleTargetRef:
    kind: Deployment
    name: llama
status:
  conditions:
  - message: unable to get external metric
    reason: FailedGetExternalMetric
    status: "False"
    type: ScalingActive
"""
BROKEN = {
    "broken.json": ('{"kind": "Pod",\n "metadata": }\n', ":2: not JSON"),
    "middle.yaml": ("  replicas: 1\nstatus: {}\n", ":2: not YAML"),
    "broken.yaml": ("kind: Service\n---\nkind: Pod\nmetadata: [1\nspec: {}\n", ":5: not YAML"),
    "no-kind.json": ('{"metadata": {"name": "a"}}', "without a kind"),
    "text.json": ('"hello"', "no Kubernetes object"),
    "shape.json": ('{"kind": "Pod", "metadata": {"name": "a"}, "spec": 3}', "pod/a is not used"),
    "deep.json": ('{"a":' * 5000 + "1" + "}" * 5000, "too deeply"),
    "cycle.yaml": ("kind: Pod\nspec: &a {b: *a}\n", "too deeply"),
    "newer.json": ('{"schema": "vops.snapshot/v9"}', "not a schema"),
    "snapshot.json": ('{"schema": "vops.snapshot/v1"}', "not a vops snapshot"),
    "empty.prom": ("up 1\n", "no metrics"),
    "notes.md": ("# notes\n", "not used"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_file_is_named_and_the_rest_is_used(tmp_path: Path, name: str) -> None:
    text, expected = BROKEN[name]
    (tmp_path / name).write_text(text)
    shutil.copyfile(KUBELET / "gated-403" / "pod.json", tmp_path / "pod.json")
    snapshot, problems = read_bundle([tmp_path])
    assert [pod.metadata.name for pod in snapshot.pods] == ["gated-403"]
    assert len(problems) == 1
    assert name in problems[0]
    assert expected in problems[0]


def test_an_object_that_was_copied_from_within_its_spec_keeps_both_parts(tmp_path: Path) -> None:
    (tmp_path / "hpa.yaml").write_text(FROM_THE_MIDDLE)
    snapshot, problems = read_bundle([tmp_path])
    (hpa,) = (item for item in snapshot.related if isinstance(item, HorizontalPodAutoscaler))
    assert (hpa.spec.scale_target_ref.name, hpa.status.conditions[0].reason) == ("llama", "FailedGetExternalMetric")
    assert problems == []


def test_a_broken_document_leaves_those_around_it(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text("kind: Pod\nmetadata: {name: a}\n---\nkind: [\n---\nkind: Pod\nmetadata: {name: b}\n")
    snapshot, problems = read_bundle([file])
    assert [pod.metadata.name for pod in snapshot.pods] == ["a", "b"]
    assert len(problems) == 1


@pytest.mark.parametrize("stdin", [None, b"", b" \n", b"{", b"kind: Lease\n"])
def test_a_bundle_without_anything_usable_is_refused(stdin: bytes | None, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_bundle([tmp_path], stdin)


def test_a_missing_path_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such file or folder"):
        read_bundle([tmp_path / "nowhere"])


HOSTILE = "\x1b[31m\u202eevil\x07"


@pytest.mark.parametrize("name", ["pod.json", "pod.yaml", "raw.yaml"])
def test_hostile_text_is_harmless_wherever_it_comes_from(tmp_path: Path, name: str) -> None:
    hostile = renamed("a" + HOSTILE)
    raw = f"kind: Pod\nmetadata: {{name: a{HOSTILE}}}\nspec: {{containers: [{{name: vllm}}]}}\n"
    (tmp_path / name).write_text(raw if name == "raw.yaml" else dump(name, hostile))
    (tmp_path / "vllm.log").write_bytes(HOSTILE.encode() + b"\xff\n" + LOG)
    (tmp_path / f"bad{HOSTILE}.json").write_text("{")
    snapshot, problems = read_bundle([tmp_path])
    shown = snapshot.to_json().decode() + "".join(problems)
    assert isinstance(snapshot.logs[0], ContainerLog)
    assert not {"\x1b", "\u202e", "\x07"} & set(shown)
    assert "\\u001b" not in shown


async def test_objects_around_a_workload_are_used_and_those_of_other_groups_are_not(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: llama, namespace: a}\nspec: {selector: {app: llama}}\n---\n"
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: other, namespace: a}\n---\n"
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: dcgm, namespace: gpu}\n"
    )
    snapshot, problems = read_bundle([tmp_path])
    assert [item.metadata.name for item in snapshot.related] == ["llama"]
    assert [(item.kind, item.metadata.name) for item in snapshot.daemonsets] == [("DaemonSet", "dcgm")]
    assert snapshot.source(Source.SERVICES).usable
    assert not problems


# --- logs as they are kept ----------------------------------------------------------------------------------


def test_a_compressed_log_is_read_where_no_newer_one_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "vllm.log.1.gz").write_bytes(gzip.compress(LOG))
    assert [finding.cause for finding in diagnose_bundle([tmp_path], None)[0][0].findings] == ["gated-model"]
    (tmp_path / "vllm.log").write_text("INFO:     Application startup complete.\n")
    reports, problems = diagnose_bundle([tmp_path], None)
    assert not any(report.findings for report in reports)
    assert problems == [f"{tmp_path / 'vllm.log.1.gz'}: not used: the log that follows it is here"]


def test_a_compressed_log_that_is_broken_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "vllm.log.gz").write_bytes(gzip.compress(LOG)[:-400])
    (tmp_path / "a.log").write_bytes(LOG)
    assert any("vllm.log.gz: cannot be read" in problem for problem in read_bundle([tmp_path])[1])


def test_a_log_as_powershell_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "vllm.log").write_bytes(LOG.decode().encode("utf-16"))
    assert [finding.cause for finding in diagnose_bundle([tmp_path], None)[0][0].findings] == ["gated-model"]


def test_prometheus_answer_about_one_pod_is_its_page_of_metrics(tmp_path: Path) -> None:
    def answer(*pods: str) -> str:
        series = [
            {"metric": {"__name__": f"vllm:num_requests_{state}", "pod": pod}, "value": [1.5, count]}
            for pod in pods
            for state, count in (("waiting", "212"), ("running", "16"))
        ]
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}})

    (tmp_path / "query.json").write_text(answer("vllm-0"))
    assert [item.latest is None for item in read_bundle([tmp_path])[0].samples] == [False]
    assert len(read_bundle([], answer("vllm-0").encode())[0].samples) == 1
    (tmp_path / "query.json").write_text(answer("vllm-0", "vllm-1"))
    with pytest.raises(InputError, match="without a kind"):
        read_bundle([tmp_path])
