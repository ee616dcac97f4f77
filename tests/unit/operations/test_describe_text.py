"""Texts that kubectl prints for people are diagnosed as the objects are that they were printed from."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vops.errors import InputError
from vops.model.storage import PersistentVolumeClaim
from vops.operations.intake.bundle import diagnose_bundle, read_bundle

DATA = Path(__file__).parents[2] / "data"
KUBELET, DESCRIBED = DATA / "kubelet", DATA / "describe"
RECORDED = sorted(path.stem for path in DESCRIBED.glob("*.txt") if (KUBELET / path.stem).is_dir())


def first(paths: list[Path]) -> tuple[str, str]:
    reports, problems = diagnose_bundle(paths, None)
    assert problems == []
    findings = reports[0].findings
    return reports[0].state, findings[0].cause if findings else ""


@pytest.mark.parametrize("name", RECORDED)
def test_a_described_pod_has_the_first_finding_of_its_objects(name: str, tmp_path: Path) -> None:
    nodes = KUBELET / name / "nodes.json"
    shutil.copy(nodes if nodes.exists() else KUBELET / "nodes.json", tmp_path)
    shutil.copy(DESCRIBED / f"{name}.txt", tmp_path)
    for log in (KUBELET / name).glob("*.log"):
        shutil.copy(log, tmp_path)
    assert first([tmp_path]) == first([KUBELET / name])


def test_the_container_that_an_event_is_about_is_told_before_its_message() -> None:
    """By kubectl 1.36, which is the first to say it."""
    events = read_bundle([DESCRIBED / "no-such-key.txt"])[0].events
    failed = next(item for item in events if item.reason == "Failed")
    assert failed.message == "Error: couldn't find key HF_TOKEN in Secret inference/hf-other-key"
    assert failed.involved_object.field_path == "spec.containers{vllm}"
    assert failed.involved_object.name == "no-such-key"


def test_a_pasted_text_with_a_prompt_an_init_container_and_a_message_of_three_lines_is_read() -> None:
    snapshot, problems = read_bundle([DESCRIBED / "pasted-pull.txt"])
    assert problems == []
    (pod,) = snapshot.pods
    assert (pod.metadata.name, pod.spec.node_name) == ("llama-7d4b9c6f5-x2x8k", "ip-10-0-3-17.ec2.internal")
    assert pod.metadata.controller is not None
    assert pod.metadata.controller.name == "llama-7d4b9c6f5"
    fetch, vllm = pod.spec.init_containers[0], pod.spec.containers[0]
    assert fetch.command == ("sh", "-c", 'set -e\necho "Name: model"\ncp -r /src/. /models')
    assert vllm.args == ("--model", "/models/llama", "--served-model-name=llama")
    assert [port.container_port for port in vllm.ports] == [8000, 8081]
    assert vllm.resources.limits["nvidia.com/gpu"] == "1"
    assert [(item.reason, item.times) for item in snapshot.events if item.type == "Warning"] == [
        ("FailedMount", 2),
        ("Failed", 4),
        ("Failed", 4),
    ]
    assert any(item.message.endswith("Output: mount.nfs: Connection timed out") for item in snapshot.events)
    assert snapshot.at.isoformat() == "2026-11-23T13:14:11+00:00"  # 12 minutes after it was scheduled


def test_probes_environment_volumes_and_tolerations_are_read() -> None:
    (pod,) = read_bundle([DESCRIBED / "pasted-pull.txt"])[0].pods
    vllm = pod.spec.containers[0]
    assert vllm.liveness_probe is not None
    assert vllm.liveness_probe.http_get is not None
    assert (vllm.liveness_probe.http_get.port, vllm.liveness_probe.budget_s) == ("http", 90)
    assert vllm.readiness_probe is not None
    assert vllm.readiness_probe.exec == {"command": ["curl", "-f", "localhost:8000/health"]}
    assert vllm.startup_probe is not None
    assert vllm.startup_probe.tcp_socket == {"port": 8000}
    token, address, home = vllm.env
    assert token.value_from is not None
    assert token.value_from.secret_key_ref == {"name": "hf-token", "key": "token"}
    assert address.value_from is not None
    assert address.value_from.field_ref == {"fieldPath": "status.podIP"}
    assert (home.name, home.value) == ("HF_HOME", "/cache/hf")
    assert vllm.env_from == ({"configMapRef": {"name": "llama-env"}},)
    assert [(item.mount_path, item.sub_path, item.read_only) for item in vllm.volume_mounts] == [
        ("/cache", "llama", False),
        ("/dev/shm", "", False),
        ("/models", "", True),
    ]
    models, shm, cache = pod.spec.volumes
    assert (models.empty_dir, shm.empty_dir) == ({}, {"medium": "Memory", "sizeLimit": "2Gi"})
    assert cache.persistent_volume_claim == {"claimName": "hf-cache"}
    assert [(item.key, item.operator, item.value, item.effect) for item in pod.spec.tolerations] == [
        ("node.kubernetes.io/not-ready", "Exists", "", "NoExecute"),
        ("nvidia.com/gpu", "Equal", "present", "NoSchedule"),
        ("", "Exists", "", ""),
    ]


@pytest.mark.parametrize(("name", "cause"), [("pasted-pull", "image-not-found"), ("pasted-crash", "host-oom")])
def test_a_pasted_text_alone_gives_a_diagnosis(name: str, cause: str) -> None:
    assert first([DESCRIBED / f"{name}.txt"])[1] == cause


def test_a_message_at_the_edge_of_the_page_does_not_end_the_container() -> None:
    (pod,) = read_bundle([DESCRIBED / "pasted-crash.txt"])[0].pods
    ended = pod.status.container_statuses[0].last_state.terminated
    assert ended is not None
    assert (ended.exit_code, pod.status.container_statuses[0].restart_count) == (137, 7)
    assert "Engine core initialization failed" in ended.message


def test_nodes_claims_and_deployments_are_read() -> None:
    snapshot, problems = read_bundle([DESCRIBED / "node-claim-deployment.txt"])
    assert problems == []
    (node,), (claim,), (deployment,) = snapshot.nodes, snapshot.related, snapshot.deployments
    assert isinstance(claim, PersistentVolumeClaim)
    assert [(item.key, item.value, item.effect) for item in node.spec.taints] == [
        ("nvidia.com/gpu", "present", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "", "NoSchedule"),
    ]
    assert (node.spec.unschedulable, node.status.allocatable["cpu"]) == (True, "71")
    assert node.status.node_info["architecture"] == "arm64"
    assert [(item.type, item.status) for item in node.status.conditions] == [
        ("DiskPressure", "False"),
        ("Ready", "True"),
    ]
    assert (claim.metadata.name, claim.status.phase, claim.spec.storage_class_name) == ("hf-cache", "Pending", "gp3")
    assert (deployment.spec.replicas, deployment.status.updated_replicas) == (2, 1)
    rolling = deployment.spec.strategy.rolling_update
    assert rolling is not None
    assert (rolling.max_unavailable, rolling.max_surge) == ("0", "1")
    assert deployment.spec.template.spec.containers[0].image == "vllm/vllm-openai:v0.25.1"
    (event,) = snapshot.events
    assert (event.involved_object.kind, event.reason, event.times) == ("PersistentVolumeClaim", "ProvisioningFailed", 3)


def test_a_table_of_events_is_read() -> None:
    snapshot, _ = read_bundle([DESCRIBED / "get-events.txt"])
    assert [(item.involved_object.kind, item.involved_object.name, item.times) for item in snapshot.events] == [
        ("Pod", "llama-7d4b9c6f5-x2x8k", 5),
        ("ReplicaSet", "llama-7d4b9c6f5", 1),
    ]


def test_events_of_a_table_without_namespaces_belong_to_the_pod_of_that_name(tmp_path: Path) -> None:
    shutil.copy(DESCRIBED / "get-events.txt", tmp_path)
    shutil.copy(DESCRIBED / "pasted-pull.txt", tmp_path)
    snapshot, _ = read_bundle([tmp_path])
    said = [item for item in snapshot.events if item.reason == "FailedScheduling"]
    assert [item.involved_object.namespace for item in said] == ["vllm"]


def test_a_text_of_something_else_is_named_and_not_taken_for_a_log(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("call the platform team\n")
    shutil.copy(DESCRIBED / "healthy.txt", tmp_path)
    reports, problems = diagnose_bundle([tmp_path], None)
    assert [report.subject.name for report in reports] == ["healthy"]
    assert len(problems) == 1
    assert "notes.txt: not used" in problems[0]


def test_a_table_of_pods_is_told_to_be_too_little() -> None:
    table = b"NAME     READY   STATUS             RESTARTS   AGE\nqwen-0   0/1     CrashLoopBackOff   7          21m\n"
    with pytest.raises(InputError, match="kubectl describe pods"):
        read_bundle([], table)


def test_it_is_known_by_its_form_on_standard_input() -> None:
    reports, problems = diagnose_bundle([], (DESCRIBED / "pasted-pull.txt").read_bytes())
    assert problems == []
    assert reports[0].findings[0].cause == "image-not-found"


TEXTS = [path.read_text() for path in sorted(DESCRIBED.glob("*.txt"))]


@given(text=st.sampled_from(TEXTS), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_mangled_text_is_read_or_refused_and_never_crashes(text: str, data: st.DataObject) -> None:
    lines = text.splitlines()
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=len(lines)))
    junk = data.draw(st.text(max_size=40))
    body = "\n".join([*(lines[number] for number in order), junk, *lines[data.draw(st.integers(0, len(lines))) :]])
    with suppress(InputError):
        reports, _ = diagnose_bundle([], body.encode("utf-8", "replace"))
        assert all(report.state for report in reports)


def test_a_text_of_many_pods_is_read_in_time_that_grows_with_it() -> None:
    text = (DESCRIBED / "startup-kill.txt").read_text()
    many = "\n\n".join(text.replace("startup-kill", f"pod-{number}") for number in range(200))
    snapshot, problems = read_bundle([], many.encode())
    assert (len(snapshot.pods), len(snapshot.events), problems) == (200, 1400, [])
