"""`vops render` as users run it: clean YAML on stdout, a list of what there is, refusals that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import RunVops
from vops.manifests.documents import read_documents


async def test_a_deployment_comes_as_yaml_and_nothing_else(vops: RunVops) -> None:
    done = await vops("render", "deploy", "--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--with", "fp8-kv")
    assert (done.code, done.err) == (0, "")
    kinds = [document.value["kind"] for document in read_documents(done.out, "stdout")]
    assert kinds == ["ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "PodMonitor", "NetworkPolicy"]


async def test_json_is_a_list(vops: RunVops) -> None:
    done = await vops("render", "keda", "-o", "json", "-n", "prod")
    assert done.document["kind"] == "List"
    assert done.document["items"][0]["metadata"]["namespace"] == "prod"


async def test_without_a_kind_it_lists_what_there_is(vops: RunVops) -> None:
    done = await vops("render")
    assert done.code == 0
    assert "multi-node " in done.out
    assert "tensor-parallel " in done.out


async def test_it_can_write_a_file(vops: RunVops, tmp_path: Path) -> None:
    done = await vops("render", "seed", "--into", str(tmp_path / "seed.yaml"))
    assert (done.code, done.out) == (0, "")
    assert "kind: Job" in (tmp_path / "seed.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("render", "dploy"), "one of deploy"),
        (("render", "deploy", "--gpu", "B9000"), "H100"),
        (("render", "deploy", "--with", "clouds"), "gke"),
        (("render", "deploy", "-p", "token"), "NAME=VALUE"),
        (("render", "deploy", "-p", "nope=1"), "token_secret"),
        (("render", "deploy", "-p", "memory=much"), "memory=much is no amount"),
        (("render", "deploy", "--image", "two words"), "'two words' is no image"),
        (("render", "deploy", "--model", ""), "'' is no model"),
        (("render", "deploy", "-n", "Prod"), "'Prod' is no namespace"),
        (("render", "deploy", "--tp", "65"), "less than or equal to 64"),
        (("render", "deploy", "--replicas", str(10**20)), "less than or equal to 10000"),
        (("render", "deploy", "--weights-bytes", "-4"), "greater than or equal to 1"),
    ],
)
async def test_a_refusal_names_what_there_is(vops: RunVops, arguments: tuple[str, ...], words: str) -> None:
    done = await vops(*arguments)
    assert done.code == 2
    assert words in done.err


async def test_the_users_own_overlay_is_found(vops: RunVops, environment: dict[str, str]) -> None:
    folder = Path(environment["HOME"]) / ".config/vops/manifests/overlays/mine"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(
        "# Ours.\nkind: Component\npatches:\n  - path: patch.yaml\n    target: {kind: Service}\n"
    )
    (folder / "patch.yaml").write_text("- op: add\n  path: /metadata/labels/team\n  value: ml\n")
    done = await vops("render", "deploy", "--with", "mine")
    assert "team: ml" in done.out


async def test_a_guess_is_told_of_on_stderr(vops: RunVops) -> None:
    done = await vops("render", "deploy", "--model", "acme/own-model")
    assert done.code == 0
    assert "16 GB are taken" in done.err
    assert (await vops("render", "deploy", "--model", "acme/own-model", "--weights-bytes", "9000000000")).err == ""
