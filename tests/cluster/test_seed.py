"""A model into a claim on the real node: a Job's pod truly downloads it, and a server's pod mounts it read-only.

The Hub is the stand-in of tests/hub.py, on the address of the bridge; the volume is a folder of the node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import vllm_pods
from tests.cluster.command import Done, Vops
from tests.cluster.controlplane import ADDRESS, ControlPlane
from tests.cluster.node import TAINT, GpuNode
from tests.cluster.processes import wait_for
from tests.cluster.python_image import IMAGE, write_image
from tests.hub import COMMIT, StandInHub, stand_in_hub

MODEL = "owner/small"
FOLDER = f"owner--small/{COMMIT}"
SEEDERS = "app.kubernetes.io/name=vops-seeder"
FIRST = "model-00001-of-00003.safetensors"
TOLERATIONS = json.dumps([{"key": TAINT["key"], "operator": "Exists"}])

Document = dict[str, Any]


@pytest.fixture(scope="module")
def seeder_image(gpu_node: GpuNode, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The seeder's image, on the node."""
    archive = write_image(tmp_path_factory.mktemp("image"))
    gpu_node.load_images(archive)
    archive.unlink()
    return IMAGE


@dataclass(frozen=True)
class Seeding:
    """A Hub, a volume, and vops told of both."""

    hub: StandInHub
    volume: Path
    vops: Vops
    control_plane: ControlPlane
    image: str

    def __call__(self, *arguments: str, runbook: str = "seed-model", **params: str) -> Done:
        here = {"model": MODEL, "claim": "models", "image": self.image, "tolerations": TOLERATIONS, **params}
        if runbook == "seed-model":
            here |= {"storage_class": self.volume.name, "endpoint": self.hub.url, "size": "1Gi"}
        given = [word for name, value in here.items() for word in ("-p", f"{name}={value}")]
        return self.vops("run", runbook, *given, *arguments)

    def files(self) -> dict[str, bytes]:
        folder = self.volume / FOLDER
        return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def wanted(self) -> dict[str, bytes]:
        own = {name.removeprefix(f"{MODEL}/"): body for name, body in self.hub.files.items()}
        return {name: body for name, body in own.items() if not name.startswith(("README", "original"))}

    def get(self, *what: str) -> Document:
        return self.control_plane.get(*what, "-n", self.vops.namespace)


@pytest.fixture
def seeding(
    control_plane: ControlPlane,
    vops: Vops,
    namespace: str,
    seeder_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Seeding]:
    volume = tmp_path / f"volume-{namespace}"
    volume.mkdir()
    volume.chmod(0o777)
    control_plane.apply(*storage(volume))
    with stand_in_hub(ADDRESS) as hub:
        hub.add_model(MODEL)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield Seeding(hub, volume, vops, control_plane, seeder_image)
    control_plane.kubectl("delete", "jobs", "--all", "-n", namespace, "--wait=false")
    control_plane.kubectl("delete", "pv,storageclass", volume.name, "--wait=false")


def storage(volume: Path) -> tuple[Document, Document]:
    """A class whose volumes somebody makes, and the one that was made."""
    shared = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": volume.name},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return shared, {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume.name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "storageClassName": volume.name,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(volume)},
        },
    }


def server(namespace: str) -> Document:
    """A vLLM server that has the claim, read-only, and no Hub."""
    spec = vllm_pods.pod_spec(model=f"/models/{FOLDER}", environment={"HF_HUB_OFFLINE": "1"})
    spec["volumes"].append({"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}})
    mount = {"name": "models", "mountPath": "/models", "readOnly": True}
    spec["containers"][0]["volumeMounts"].append(mount)
    return vllm_pods.deployment(namespace, "llm", spec)


def test_a_pod_downloads_a_model_that_a_server_then_mounts_read_only(seeding: Seeding, tmp_path: Path) -> None:
    plan, report = tmp_path / "plan.json", tmp_path / "seed.xml"
    planned = seeding("--plan-out", str(plan))
    assert planned.code == 0, planned
    assert "7 of 7 files" in planned.out, planned
    assert not seeding.get("jobs,pvc")["items"]

    done = seeding.vops("apply", "--plan-in", str(plan), "--yes", "--report", f"junit={report}")
    assert done.code == 0, done
    assert seeding.files() == seeding.wanted()
    assert f"7 files at /models/{FOLDER}" in done.err + done.out, done
    assert 'name="Follow it to its end"' in report.read_text()

    again = seeding("--yes")
    assert (again.code, f"is in claim models at /models/{FOLDER}" in again.out) == (0, True), again

    namespace = seeding.vops.namespace
    seeding.control_plane.apply(server(namespace))
    kubectl = seeding.control_plane.kubectl
    kubectl("rollout", "status", "deployment/llm", "-n", namespace, "--timeout=60s")
    inside = ("exec", "deployment/llm", "-n", namespace, "--")
    assert "LlamaForCausalLM" in kubectl(*inside, "cat", f"/models/{FOLDER}/config.json")
    said = kubectl(*inside, "sh", "-c", "touch /models/x 2>&1 || true")
    assert "Read-only file system" in said

    proven = seeding("--yes", runbook="verify-seed")
    assert proven.code == 0, proven
    weights = seeding.volume / FOLDER / FIRST
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    broken = seeding("--yes", runbook="verify-seed")
    assert broken.code in (8, 9), broken
    assert f"bytes are not what the Hub says: {FIRST} has the sha256" in broken.err, broken


def test_a_download_outlives_its_pod(seeding: Seeding, tmp_path: Path) -> None:
    """The pod is deleted while its last stream stands still; the next one fetches only what is missing."""
    seeding.hub.trouble[FIRST] = ["truncated", "stalled"]
    plan = tmp_path / "plan.json"
    assert seeding("--plan-out", str(plan)).code == 0
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(seeding.vops, "apply", "--plan-in", str(plan), "--yes")
        first = wait_for("the other files", lambda: _pod_with_files(seeding, 6), within_s=60)
        seeding.control_plane.kubectl("delete", "pod", first, "-n", seeding.vops.namespace, "--wait=false")
        done = run.result(120)
    assert done.code == 0, done
    assert seeding.files() == seeding.wanted()
    assert "6 of 7 files" in done.err, done
    (second,) = (pod for pod in seeding.get("pods", "-l", SEEDERS)["items"] if pod["status"]["phase"] == "Succeeded")
    told = json.loads(second["status"]["containerStatuses"][0]["state"]["terminated"]["message"])
    assert (told["event"], told["files"], second["metadata"]["name"] != first) == ("done", 7, True)


def _pod_with_files(seeding: Seeding, count: int) -> str | None:
    """The name of the seeding pod once it has told of so many whole files."""
    pods = seeding.get("pods", "-l", SEEDERS)["items"]
    for name in (pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"):
        said = seeding.control_plane.kubectl("logs", name, "-n", seeding.vops.namespace)
        if said.count('"event": "file"') == count:
            return str(name)
    return None


def test_what_could_not_end_is_refused_and_what_is_denied_ends_at_once(seeding: Seeding) -> None:
    nowhere = seeding("--yes", tolerations="[]")
    assert nowhere.code == 4, nowhere
    assert "nearest is gpu-node-1: taint nvidia.com/gpu" in nowhere.err, nowhere
    assert "-p consumer=deployment/NAME" in nowhere.err, nowhere

    seeding.hub.granted[MODEL] = {"hf_granted"}
    refused = seeding("--yes")
    assert (refused.code, "is gated" in refused.err) == (4, True), refused
    assert not seeding.get("jobs,pvc")["items"]

    secret = vllm_pods.token_secret(seeding.vops.namespace, "hf-token", "hf_other")
    seeding.control_plane.apply(secret)
    denied = seeding("--yes", token="hf-token")
    assert denied.code in (8, 9), denied
    assert "the token may not read this model" in denied.err, denied
    (job,) = seeding.get("jobs")["items"]
    failed = [item["reason"] for item in job["status"]["conditions"] if item["type"] == "Failed"]
    assert failed == ["PodFailurePolicy"]
    assert "hf_other" not in denied.out + denied.err
