"""Each command on the lab: data on stdout, narration on stderr, the documented exit code."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from tests.cli.conftest import RunVops
from tests.conftest import StartLab

SICK = {
    "untolerated-taint": "llama3-8b",
    "rollout-deadlock": "llama3-8b",
    "probe-kill": "llama3-8b",
    "gated-model": "llama3-8b",
    "kv-cache-too-small": "qwen3-8b",
}
CAUSE = {"probe-kill": "startup-probe-kill"}


async def test_the_fleet_document_keeps_the_contract(vops: RunVops) -> None:
    done = await vops("--lab", "fleet", "-o", "json")
    document = done.document
    assert (done.code, document["schema"], document["context"]) == (0, "vops.fleet/v1", "lab:healthy")
    assert len(document["replicas"]) == 8
    wanted = {"pod", "namespace", "node", "model", "state", "gpu_util", "kv_usage", "kv_tokens", "running", "waiting"}
    for replica in document["replicas"]:
        assert wanted | {"tokens_per_s", "ttft_p95_s", "restarts"} <= replica.keys()
        assert 0 <= replica["gpu_util"] <= 1
        assert replica["tokens_per_s"] > 0


async def test_every_table_format_lists_the_same_pods(vops: RunVops) -> None:
    lines = (await vops("--lab", "gated-model", "fleet", "-ojsonl")).out.splitlines()
    pods = {json.loads(line)["pod"] for line in lines}
    rows = csv.DictReader(io.StringIO((await vops("--lab", "gated-model", "fleet", "-o", "csv")).out))
    table = (await vops("--lab", "gated-model", "fleet", "-o", "wide")).out
    assert {row["pod"] for row in rows} == pods
    assert all(pod in table for pod in pods)


async def test_what_is_not_known_is_null_and_never_zero(vops: RunVops) -> None:
    document = (await vops("--lab", "untolerated-taint", "fleet", "-o", "json")).document
    pending = next(replica for replica in document["replicas"] if replica["state"] == "pending")
    assert [pending[name] for name in ("node", "kv_usage", "running", "tokens_per_s", "ttft_p95_s")] == [None] * 5


@pytest.mark.parametrize("scenario", SICK)
async def test_each_failure_is_named_with_evidence_and_a_fix(vops: RunVops, scenario: str) -> None:
    done = await vops("--lab", scenario, "diagnose", f"deploy/{SICK[scenario]}", "-o", "json")
    first = done.document["findings"][0]
    assert (done.code, first["cause"]) == (1, CAUSE.get(scenario, scenario))
    assert first["evidence"]
    assert first["fixes"][0]["runbook"].startswith("fix-")


@pytest_asyncio.fixture
async def calm(start_lab: StartLab, tmp_path: Path) -> tuple[str, ...]:
    """Options for a healthy lab whose time stands still where nothing waits: at the top of its load, requests do."""
    path = tmp_path / "calm.kubeconfig"
    path.write_text(json.dumps((await start_lab("healthy")).kubeconfig()))
    return ("--kubeconfig", str(path), "-n", "inference")


async def test_a_healthy_fleet_has_no_findings(vops: RunVops, calm: tuple[str, ...]) -> None:
    done = await vops(*calm, "diagnose", "all", "-o", "json", "--fail-on", "info")
    assert done.code == 0
    assert [report["findings"] for report in done.document] == [[]] * 8


@pytest.mark.parametrize("scenario", [name for name in SICK if name != "gated-model"])
async def test_a_dry_run_shows_the_diff_and_exits_3_only_when_asked(vops: RunVops, scenario: str) -> None:
    target = ("--lab", scenario, "fix", f"deploy/{SICK[scenario]}", "--dry-run")
    plain, detailed = await vops(*target), await vops(*target, "--detailed-exitcode")
    assert (plain.code, detailed.code) == (0, 3)
    assert any(line.lstrip().startswith("+ ") for line in plain.out.splitlines())


async def test_a_gated_model_needs_a_choice_that_only_a_person_can_make(vops: RunVops) -> None:
    done = await vops("--lab", "gated-model", "fix", "deploy/llama3-8b", "--yes")
    assert done.code == 7
    assert "mirror=" in done.out + done.err
    assert "token_secret=" in done.out + done.err


async def test_the_patch_for_the_repository_is_yaml(vops: RunVops) -> None:
    done = await vops("--lab", "kv-cache-too-small", "fix", "deploy/qwen3-8b", "-o", "yaml")
    patch = YAML(typ="safe", pure=True).load(done.out)
    assert (done.code, patch["kind"], patch["metadata"]["name"]) == (0, "Deployment", "qwen3-8b")


async def test_a_fix_without_a_terminal_and_without_yes_asks_for_it(vops: RunVops) -> None:
    done = await vops("--lab", "untolerated-taint", "fix", "deploy/llama3-8b")
    assert (done.code, "--yes" in done.err) == (7, True)


async def test_a_fix_of_something_healthy_has_nothing_to_do(vops: RunVops, calm: tuple[str, ...]) -> None:
    done = await vops(*calm, "fix", "deploy/llama3-8b", "--yes")
    assert (done.code, "4 of 4 replicas ready" in done.out, "applied" in done.out) == (0, True, False), done.out


async def test_readonly_refuses_to_apply(vops: RunVops) -> None:
    done = await vops("--lab", "untolerated-taint", "--readonly", "fix", "deploy/llama3-8b", "--yes")
    assert (done.code, "read-only" in done.err) == (4, True)


async def test_a_snapshot_can_be_diagnosed_without_the_cluster(vops: RunVops) -> None:
    taken = await vops("--lab", "untolerated-taint", "snapshot")
    done = await vops("diagnose", "-", "-o", "json", given=taken.out.encode())
    causes = [finding["cause"] for report in done.document for finding in report["findings"]]
    assert (done.code, causes) == (1, ["untolerated-taint"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--lab", "diagnose", "nope"), 2, "there is no pod 'nope'"),
        (("--lab", "diagnose", "x/y"), 2, "is not understood"),
        (("--lab", "diagnose"), 2, "nothing to diagnose"),
        (("--lab", "nope", "fleet"), 2, "no scenario 'nope'"),
        (("--lab", "fleet", "-o", "nope"), 2, "is not known here"),
        (("--lab", "fix", "all"), 2, "more than one object"),
        (("--lab", "fix", "deploy/llama3-8b", "-p", "nonsense"), 2, "is not NAME=VALUE"),
        (("--lab", "run", "nope"), 2, "there is no runbook 'nope'"),
        (("explain", "nope"), 2, "there is no rule"),
        (("lab", "show", "nope"), 2, "no scenario 'nope'"),
        (("lab", "serve", "--write-kubeconfig", "no/such/folder/file"), 2, "no/such/folder/file"),
        (("fleet",), 2, "there is no kubeconfig"),
        (("diagnose", "--from", "no/such/file"), 2, "no/such/file"),
        (("--nonsense",), 2, "No such option"),
    ],
)
async def test_bad_input_is_a_sentence_with_the_next_step(
    vops: RunVops, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = await vops(*arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err


async def test_the_lab_lists_and_tells_its_scenarios(vops: RunVops) -> None:
    listed = (await vops("lab", "list", "-o", "json")).document
    assert {item["name"] for item in listed} >= {"healthy", *SICK}
    assert "never granted access" in (await vops("lab", "show", "gated-model")).out


async def test_what_is_recorded_is_replayed_without_a_terminal_as_its_last_fleet(vops: RunVops, tmp_path: Path) -> None:
    path = tmp_path / "incident.rec"
    done = await vops("--lab", "healthy", "record", "-o", str(path), "--for", "3s", "--every", "1s")
    assert (done.code, done.out.strip()) == (0, str(path))
    assert "instants" in done.err
    again = await vops("replay", str(path), "-o", "json")
    assert (again.code, len(again.document["replicas"])) == (0, 8)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("record", "--every", "soon"), "--every soon is no duration"),
        (("record", "--for", "0.01s"), "too short"),
        (("replay", "nowhere.rec"), "nowhere.rec"),
        (("replay", "pyproject.toml"), "is no recording"),
    ],
)
async def test_recordings_that_cannot_be_are_refused(vops: RunVops, words: tuple[str, ...], told: str) -> None:
    done = await vops("--lab", "healthy", *words)
    assert (done.code, told in done.err) == (2, True)
