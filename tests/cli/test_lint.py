"""`vops lint` as users and pipelines run it: places, formats, exit codes, the middle of a pipe, live objects."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import RunVops

GUIDE = Path(__file__).parents[1] / "data/manifests/guide"
CLEAN = b"apiVersion: v1\nkind: Service\nmetadata:\n  name: x  # kept as it is\n"
WARNED = b"""apiVersion: v1
kind: Pod
metadata:
  name: llm
spec:
  containers:
    - name: vllm
      image: vllm/vllm-openai:latest
      command: [vllm, serve, m]
      resources: {limits: {nvidia.com/gpu: 1}}
"""


async def test_a_finding_begins_with_file_line_and_column(vops: RunVops) -> None:
    done = await vops("lint", str(GUIDE / "scaling.yaml"))
    assert done.code == 1
    assert f"{GUIDE / 'scaling.yaml'}:16:9: error average-of-average:" in done.out
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [("error", 0), ("warning", 1), ("info", 1)],
)
async def test_the_exit_code_follows_the_threshold(vops: RunVops, fail_on: str, code: int) -> None:
    assert (await vops("lint", "-", "-o", "text", "--fail-on", fail_on, given=WARNED)).code == code


async def test_a_clean_file_says_so(vops: RunVops, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(CLEAN)
    done = await vops("lint", str(tmp_path))
    assert (done.code, done.out) == (0, "nothing found in 1 object, 0 vLLM servers\n")


async def test_in_a_pipe_manifests_that_may_be_applied_pass_through_unchanged(vops: RunVops) -> None:
    done = await vops("lint", "-", given=WARNED)
    assert done.code == 0
    assert done.out.encode() == WARNED
    assert "<stdin>:8:7: warning unpinned-image" in done.err


async def test_in_a_pipe_nothing_passes_through_when_lint_fails(vops: RunVops) -> None:
    done = await vops("lint", "-", given=(GUIDE / "scaling.yaml").read_bytes())
    assert (done.code, done.out) == (1, "")
    assert "average-of-average" in done.err
    assert "nothing is passed on" in done.err


async def test_what_is_rendered_passes_lint_and_goes_on(vops: RunVops) -> None:
    rendered = await vops("render", "deploy", "--model", "Qwen/Qwen3-8B", "--gpu", "L4", "--tp", "2", "-n", "prod")
    assert rendered.code == 0
    linted = await vops("lint", "-", "--fail-on", "info", given=rendered.out.encode())
    assert (linted.code, linted.err, linted.out) == (0, "", rendered.out)


@pytest.mark.parametrize("output", ["json", "sarif"])
async def test_machines_get_json(vops: RunVops, output: str) -> None:
    done = await vops("lint", str(GUIDE), "-o", output)
    assert done.code == 1
    assert done.document


async def test_sarif_keeps_its_schema(vops: RunVops) -> None:
    """Models generated from the 2.1.0 schema, which refuse what it does not know."""
    # imported here, since its models take long to make, and each worker collects this module
    from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema

    done = await vops("lint", str(GUIDE), "--severity", "info", "-o", "sarif")
    report = StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate(done.document)
    (run,) = report.runs
    places = [result.locations[0].physicalLocation for result in run.results]
    assert len(places) > 10
    assert all(place.artifactLocation.uri.endswith(".yaml") and place.region.startLine for place in places)


async def test_junit_is_a_suite_a_file(vops: RunVops) -> None:
    done = await vops("lint", str(GUIDE), "-o", "junit", "--fail-on", "warning")
    root = ElementTree.fromstring(done.out)
    suites = root.findall("testsuite")
    assert len(suites) == len(list(GUIDE.glob("*.yaml")))
    failures = [failure for suite in suites for failure in suite.iter("failure")]
    assert "average-of-average" in {failure.get("type") for failure in failures}
    assert int(root.get("failures", "0")) == sum(int(suite.get("failures", "0")) for suite in suites) > 0


async def test_github_gets_commands(vops: RunVops) -> None:
    done = await vops("lint", str(GUIDE / "tensor-parallel.yaml"), "-o", "github")
    assert done.code == 0
    assert all(line.startswith("::warning file=") for line in done.out.splitlines())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"a: [", "<stdin>:1"),
        (b"kind: A\n---\nreplicas: 3\n", "<stdin>:3"),
        (b"\n", "holds no Kubernetes object"),
    ],
)
async def test_bad_input_is_named_with_its_line(vops: RunVops, given: bytes, words: str) -> None:
    done = await vops("lint", "-", given=given)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


@pytest.mark.parametrize(
    "arguments",
    [(), ("nowhere.yaml",), ("-", "-o", "xml"), ("-", "--fail-on", "bad"), ("deploy/llm", str(GUIDE))],
)
async def test_what_makes_no_sense_is_refused(vops: RunVops, arguments: tuple[str, ...]) -> None:
    done = await vops("lint", *arguments, given=CLEAN)
    assert done.code == 2
    assert done.err.startswith("vops: ")


async def test_an_endless_file_is_refused_and_a_pipe_is_read(vops: RunVops, tmp_path: Path) -> None:
    endless = await vops("lint", "/dev/zero")
    assert (endless.code, endless.out) == (2, "")
    assert "/dev/zero: larger than" in endless.err
    fifo = tmp_path / "rendered.yaml"
    os.mkfifo(fifo)
    with ThreadPoolExecutor(1) as writer:
        writer.submit(fifo.write_bytes, CLEAN)
        assert (await vops("lint", str(fifo))).code == 0


async def test_a_live_workload_is_linted_with_what_is_beside_it(vops: RunVops) -> None:
    fleet = await vops("fleet", "-o", "json", "--lab")
    workload = fleet.document["workloads"][0]
    done = await vops("lint", f"deploy/{workload['name']}", "-n", workload["namespace"], "-o", "json", "--lab")
    assert done.code in (0, 1)
    assert done.document["servers"] == 1
    assert all(finding["line"] is None for finding in done.document["findings"])


async def test_a_workload_that_is_not_there_is_said_so(vops: RunVops) -> None:
    assert (await vops("lint", "deploy/nope", "--lab")).code == 2


async def test_hints_are_counted_and_shown_on_demand(vops: RunVops) -> None:
    short = await vops("lint", str(GUIDE / "kserve.yaml"))
    whole = await vops("lint", str(GUIDE / "kserve.yaml"), "--severity", "info", "-o", "json")
    assert "not shown (--severity info)" in short.out
    assert json.loads(whole.out)["findings"]


async def test_files_are_held_against_the_nodes_of_a_cluster(vops: RunVops) -> None:
    rendered = await vops("render", "deploy", "--gpu", "H200", "--tp", "8", "-n", "prod")
    done = await vops("lint", "-", "-o", "json", "--cluster", "--lab", given=rendered.out.encode())
    assert [finding["rule"] for finding in done.document["findings"]] == ["no-node-takes-it"]
