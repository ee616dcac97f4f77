"""The script of docs/guides/ci.md, as it stands there, on the real control plane and the real node.

The servers' pods truly run, on a model that a Job's pod has truly downloaded; only their size is that of this machine.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cluster.command import VOPS
from tests.cluster.test_seed import FOLDER, MODEL, TOLERATIONS, Seeding, seeder_image, seeding

__all__ = ["seeder_image", "seeding"]

GUIDE = Path(__file__).parents[2] / "docs/guides/ci.md"
NAME = "small"
STEPS = ("seed", "deploy", "split", "back")
SMALL = """
- {op: replace, path: /spec/template/spec/containers/0/resources/requests, value: {cpu: 100m, memory: 64Mi}}
- {op: replace, path: /spec/template/spec/containers/0/resources/limits/memory, value: 256Mi}
- {op: replace, path: /spec/template/spec/containers/0/lifecycle/preStop/sleep/seconds, value: 1}
"""
KUSTOMIZATION = """
# As small as a machine for tests.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
  - path: patch.yaml
    target: {kind: Deployment}
"""


def script() -> str:
    found = re.search(r"```bash\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    return found[1]


def small_overlay(home: Path) -> None:
    """An overlay of the user's own, as a small cluster needs one."""
    folder = home / "config/vops/manifests/overlays/small"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(KUSTOMIZATION)
    (folder / "patch.yaml").write_text(SMALL)


def parameters(**given: str) -> str:
    return " ".join(f"-p {name}={value}" for name, value in given.items())


def test_a_model_goes_from_the_hub_to_two_gpus_and_back(seeding: Seeding, tmp_path: Path) -> None:
    small_overlay(seeding.vops.home)
    reports, home = tmp_path / "reports", seeding.vops
    tolerations = TOLERATIONS.replace(" ", "")
    seed = parameters(image=seeding.image, storage_class=seeding.volume.name, endpoint=seeding.hub.url, size="1Gi",
                      tolerations=tolerations)  # fmt: skip
    environment = home.environment() | {
        "KUBECONFIG": str(home.kubeconfig),
        "PATH": f"{VOPS.parent}:{os.environ['PATH']}",
        "NAMESPACE": home.namespace,
        "MODEL": MODEL,
        "NAME": NAME,
        "REPORTS": str(reports),
        "SEED": seed,
        "DEPLOY": parameters(overlays='["small"]'),
        "SPLIT": parameters(load="1s", soak="2s"),
    }
    done = subprocess.run(["bash", "-c", script()], env=environment, capture_output=True, text=True, timeout=400)
    told = {path.name: path.read_text()[-3000:] for path in sorted(reports.glob("*.txt"))}
    assert done.returncode == 0, (done.stdout, done.stderr[-6000:], told)
    assert (reports / "codes").read_text().split() == [word for step in STEPS for word in (step, "0")]
    for step in STEPS:
        suite = ElementTree.parse(reports / f"{step}.xml").getroot()
        assert (suite.get("failures"), suite.get("errors")) == ("0", "0"), step
    spec = seeding.get("deployment", NAME)["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["containers"][0]["args"][0] == f"/models/{FOLDER}"
    split = json.loads((reports / "split.plan.json").read_text())
    assert any('"2"' in json.dumps(step.get("changes", "")) for step in split["steps"])


def test_a_step_that_cannot_be_planned_ends_the_script_with_its_code(
    seeding: Seeding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = seeding.vops.environment() | {
        "KUBECONFIG": str(seeding.vops.kubeconfig),
        "PATH": f"{VOPS.parent}:{os.environ['PATH']}",
        "NAMESPACE": seeding.vops.namespace,
        "MODEL": "owner/no-such",
        "NAME": NAME,
        "REPORTS": str(tmp_path / "reports"),
    }
    done = subprocess.run(["bash", "-c", script()], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "has no model owner/no-such" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "reports/codes").exists()
