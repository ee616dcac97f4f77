"""The manifest library on a real API server: every object is accepted, strictly, and applying it again changes nothing.

The server has the CustomResourceDefinitions of KEDA, Karpenter, the Prometheus operator, the Gateway API, its inference
extension, LeaderWorkerSet and KServe. kubectl's own kustomize says what vops' rendering has to be.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from tests.cluster.command import Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import wait_for
from tests.unit.manifests.combinations import KINDS, LIBRARY, OVERLAYS, STACKS, orders
from vops.manifests.documents import read_documents
from vops.manifests.render import render, to_yaml
from vops.manifests.values import Asked, library_values
from vops.operations.render import Order, render_order

ROOT = Path(__file__).parents[2]
Manifest = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def crds(control_plane: ControlPlane) -> None:
    """Every kind of the library is known to the server."""
    folder = Path(os.environ["VOPS_CLUSTER_CACHE"]) / "crds"
    texts = [path.read_text() for path in sorted(folder.glob("*.yaml"))]
    texts += [gzip.decompress(path.read_bytes()).decode() for path in (ROOT / "tests/data/crds").glob("*.gz")]
    assert len(texts) == 10, "run tests/cluster/build.sh"
    everything = "\n---\n".join(texts)
    control_plane.kubectl("apply", "--server-side", "-f", "-", given=everything)
    wait_for("every kind to be served", lambda: all(map(served, control_plane.get("crds")["items"])), within_s=60)
    control_plane.make_namespace("monitoring")


def served(definition: Manifest) -> bool:
    """Whether the server has taken a CustomResourceDefinition on."""
    conditions = definition.get("status", {}).get("conditions") or []
    return {"type": "Established", "status": "True"}.items() <= {
        key: value for item in conditions if item["type"] == "Established" for key, value in item.items()
    }.items()


def placed(order: Order, namespace: str) -> list[Manifest]:
    return render_order(replace(order, asked=replace(order.asked, namespace=namespace)))


def test_every_combination_passes_a_strict_server_side_dry_run(control_plane: ControlPlane, namespace: str) -> None:
    objects = [item for order in orders() for item in placed(order, namespace)]
    assert len(objects) > 1000
    said = control_plane.kubectl(
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        given=to_yaml(objects),
        within_s=600,
    )
    assert said.count("serverside-applied") == len(objects)


@pytest.mark.parametrize("kind", KINDS)
def test_applying_twice_changes_nothing(control_plane: ControlPlane, namespace: str, kind: str) -> None:
    text = to_yaml(placed(Order(kind, Asked(name="twice")), namespace))
    control_plane.kubectl("apply", "--validate=strict", "-f", "-", given=text)
    again = control_plane.kubectl("apply", "--validate=strict", "-f", "-", given=text)
    # kubectl always sends a budget's selector, whether it differs or not.
    changed = [line for line in again.splitlines() if not line.endswith(" unchanged")]
    assert all(line.startswith("poddisruptionbudget.") for line in changed), again
    assert control_plane.kubectl("diff", "-f", "-", given=text) == ""


def test_what_was_applied_passes_lint_where_it_lives(control_plane: ControlPlane, vops: Vops, namespace: str) -> None:
    for kind in ("deploy", "keda"):
        text = to_yaml(placed(Order(kind, Asked(name="live")), namespace))
        control_plane.kubectl("apply", "-f", "-", given=text)
    report = vops("lint", "deploy/live", "--severity", "info", "-o", "json").json()
    assert report["findings"] == []
    assert report["objects"] == 5  # with its Service, budget, ScaledObject and PodMonitor


@pytest.mark.parametrize("kind", ["deploy", "seed", "disaggregated", "multi-node"])
def test_pods_are_admitted_where_only_restricted_ones_are(
    control_plane: ControlPlane, namespace: str, kind: str
) -> None:
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    specs = list(pod_specs(placed(Order(kind, Asked(name="safe", tensor_parallel_size=2)), namespace)))
    for at, spec in enumerate(specs):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"safe-{at}", "namespace": namespace}}
        body = to_yaml([pod | {"spec": {key: value for key, value in spec.items() if key != "serviceAccountName"}}])
        control_plane.kubectl("create", "--dry-run=server", "-f", "-", given=body)
    assert specs


def pod_specs(value: Any) -> Iterator[Manifest]:
    """Every pod spec inside objects."""
    if isinstance(value, dict) and isinstance(value.get("containers"), list):
        yield value
    elif isinstance(value, dict):
        for below in value.values():
            yield from pod_specs(below)
    elif isinstance(value, list):
        for below in value:
            yield from pod_specs(below)


DEFAULTS = library_values(Asked(name="llm"))


@pytest.mark.parametrize("component", ["", *OVERLAYS])
def test_rendering_with_the_values_that_stand_there_is_what_kustomize_makes(
    control_plane: ControlPlane, tmp_path: Path, component: str
) -> None:
    """vops' own reading of kustomizations, with every marked value left as it is."""
    library = {path: text.replace("# vops: ", "# was: ") for path, text in LIBRARY.items()}
    for path, text in library.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    top = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": ["../base"]}
    (tmp_path / "top").mkdir()
    (tmp_path / "top/kustomization.yaml").write_text(
        yaml.safe_dump(top | ({"components": [f"../overlays/{component}"]} if component else {}))
    )
    made = control_plane.kubectl("kustomize", str(tmp_path / "top"))
    expected = [document.value for document in read_documents(made, "kustomize")]
    found = render(library, "base", [component] if component else [], DEFAULTS)
    assert sorted(found, key=identity) == sorted(expected, key=identity)


def identity(item: Manifest) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


@pytest.mark.parametrize("stack", STACKS)
def test_kubectl_reads_every_stack_as_it_stands(control_plane: ControlPlane, namespace: str, stack: str) -> None:
    made = control_plane.kubectl("kustomize", str(ROOT / "manifests/stacks" / stack))
    control_plane.kubectl(
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-n",
        namespace,
        "-f",
        "-",
        given=_without_namespace(made),
    )


def _without_namespace(text: str) -> str:
    """The same objects, free to go into any namespace."""
    objects = [document.value for document in read_documents(text, "kustomize")]
    for item in objects:
        item["metadata"].pop("namespace", None)
    return to_yaml(objects)
