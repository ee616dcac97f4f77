"""Every exit code of a run, from a process of its own against a lab that outlives it."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from tests.cli.conftest import Done
from tests.forked import Forked, start_vops
from vops.lab.documents import copy_of
from vops.lab.world import Lab
from vops.model.gitops import FLUX_PAUSES, PAUSED_BY, PAUSED_UNTIL

NAMESPACE, NAME = "inference", "qwen3-4b"
HEAD = """\
vops: 1
id: mine
title: Mine
risk: low
params:
  namespace: {type: k8s.namespace}
  target: {type: k8s.ref, kinds: [apps/v1/Deployment], default: deployment/qwen3-4b}
lock: ['${params.target}']
steps:
  - {id: a, kind: k8s.patch, title: Change it, ref: '${params.target}', set: {/spec/minReadySeconds: 1}}
"""
WAIT = "  - {id: w, kind: k8s.wait, ref: '${params.target}', failWhen: 'false', UNTIL, timeout: TIME}\n"
NEVER = WAIT.replace("UNTIL", "until: 'false'")
BROKEN = NEVER.replace("failWhen: 'false'", "failWhen: 'true'").replace("TIME", "1m")
SOAK = "  - {id: s, kind: soak, ref: '${params.target}', for: 30s, timeout: 1m}\n"


@dataclass
class Bench:
    """vops on a lab, runbooks written on the spot."""

    lab: Lab
    folder: Path
    environment: dict[str, str]

    def runbook(self, *steps: str) -> str:
        path = self.folder / "mine.yaml"
        path.write_text(HEAD + "".join(steps))
        return str(path)

    async def start(self, *arguments: str) -> Forked | Process:
        where = ("--kubeconfig", str(self.folder / "lab.kubeconfig"), "-n", NAMESPACE)
        return await start_vops(*where, *arguments, environment=self.environment)

    async def run(self, *arguments: str) -> Done:
        return await self.ended(await self.start(*arguments))

    async def ended(self, process: Forked | Process) -> Done:
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def changed(self) -> None:
        """Waits until the runbook's change has landed."""
        landed = asyncio.Event()
        stop = self.lab.store.subscribe(lambda _: landed.set() if self.seconds == 1 else None)
        if self.seconds != 1:
            await asyncio.wait_for(landed.wait(), 30)
        stop()

    @property
    def seconds(self) -> int:
        return int(self.lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)["spec"].get("minReadySeconds", 0))

    def edit(self, seconds: int) -> None:
        document = copy_of(self.lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME))
        document["spec"]["minReadySeconds"] = seconds
        self.lab.store.update(document, manager="somebody")


@pytest_asyncio.fixture
async def bench(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Bench]:
    lab = await Lab.start("gated-model", speed=50)
    (tmp_path / "lab.kubeconfig").write_text(json.dumps(lab.kubeconfig()))
    yield Bench(lab, tmp_path, environment)
    await lab.stop()


@pytest.mark.parametrize(
    ("steps", "arguments", "code", "words"),
    [
        ((), ("--yes",), 0, "applied"),
        ((), ("--dry-run",), 0, "1 change"),
        ((), ("--dry-run", "-p", "target=3"), 2, "parameter target"),
        ((), ("--dry-run", "--detailed-exitcode"), 3, "1 change"),
        ((), ("--yes", "--readonly"), 4, "read-only"),
        ((), (), 7, "add --yes"),
        ((BROKEN.replace("timeout", "onFail: undo, timeout"),), ("--yes",), 8, "deployment/qwen3-4b"),
        ((BROKEN,), ("--yes",), 9, "vops resume"),
        ((NEVER.replace("TIME", "1s"),), ("--yes",), 10, "ran out"),
    ],
)
async def test_a_run_ends_with_the_code_of_what_came_of_it(
    bench: Bench, steps: tuple[str, ...], arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = await bench.run("run", bench.runbook(*steps), *arguments)
    assert (done.code, words in done.out + done.err, "Traceback" in done.err) == (code, True, False), done.err


async def test_a_plan_that_somebody_has_overtaken_ends_with_5(bench: Bench) -> None:
    plan = str(bench.folder / "plan.json")
    assert (await bench.run("run", bench.runbook(), "--plan-out", plan)).code == 0
    bench.edit(7)
    done = await bench.run("apply", "--plan-in", plan, "--yes")
    assert (done.code, "make a new plan" in done.err, bench.seconds) == (5, True, 7)


async def test_another_run_on_the_same_object_ends_with_6(bench: Bench) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": f"vops-deployment-{NAME}", "namespace": NAMESPACE},
        "spec": {"holderIdentity": "ann@desk/r1", "leaseDurationSeconds": 30, "acquireTime": now, "renewTime": now},
    }
    bench.lab.store.create(lease)
    done = await bench.run("run", bench.runbook(), "--yes")
    assert (done.code, "locked by ann@desk/r1" in done.err, bench.seconds) == (6, True, 0)


async def test_a_change_that_is_reverted_ends_with_11_and_names_who(bench: Bench) -> None:
    process = await bench.start("run", bench.runbook(SOAK), "--yes")
    await bench.changed()
    bench.edit(7)
    done = await bench.ended(process)
    assert (done.code, "/spec/minReadySeconds was reverted by somebody" in done.err) == (11, True)


async def test_a_cluster_that_does_not_answer_ends_with_12(bench: Bench) -> None:
    runbook = bench.runbook()
    await bench.lab.server.outage()
    done = await bench.run("run", runbook, "--yes")
    assert (done.code, "cannot reach" in done.err) == (12, True)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_saves_the_run_frees_the_lock_and_says_how_to_go_on(
    bench: Bench, sent: signal.Signals, code: int
) -> None:
    report = bench.folder / "junit.xml"
    never = bench.runbook(NEVER.replace("TIME", "5m"))
    process = await bench.start("run", never, "--yes", "--report", f"junit={report}")
    await bench.changed()
    await asyncio.sleep(0.5)
    process.send_signal(sent)
    done = await bench.ended(process)
    assert (done.code, "go on: vops resume" in done.err, bench.seconds) == (code, True, 1)
    assert not bench.lab.store.list("coordination.k8s.io/v1", "Lease", NAMESPACE)
    assert ElementTree.fromstring(report.read_text()).find("testcase/error") is not None


async def test_a_run_that_was_killed_goes_on_and_nothing_is_written_twice(bench: Bench) -> None:
    until = WAIT.replace("UNTIL", "until: 'obj.metadata.labels.go == \"on\"'").replace("TIME", "5m")
    process = await bench.start("run", bench.runbook(until), "--yes")
    await bench.changed()
    process.kill()
    assert (await bench.ended(process)).code == -signal.SIGKILL
    document = copy_of(bench.lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME))
    document["metadata"].setdefault("labels", {})["go"] = "on"
    bench.lab.store.update(document)
    (lease,) = bench.lab.store.list("coordination.k8s.io/v1", "Lease", NAMESPACE)
    expired = copy_of(lease)
    expired["spec"]["renewTime"] = "2026-01-01T00:00:00.000000Z"
    bench.lab.store.update(expired)
    (run,) = (await bench.run("runs", "-o", "json")).document
    done = await bench.run("resume", run["run"])
    patches = [item for item in bench.lab.server.writes if item.method == "PATCH" and item.path.endswith(NAME)]
    assert (done.code, "applied" in done.out) == (0, True), done.err
    assert len([item for item in patches if "/deployments/" in item.path and item.status == 200]) == 1


def left_paused(lab: Lab) -> None:
    """A Deployment that a run of another machine, which is gone, has had Flux leave alone."""
    document = copy_of(lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME))
    document["metadata"]["annotations"] |= {
        FLUX_PAUSES["Kustomization"][0]: "disabled",
        PAUSED_UNTIL: "2020-01-01T00:00:00Z",
        PAUSED_BY: "20200101-000000-c0ffee",
    }
    lab.store.update(document, manager="vops")


async def test_what_is_left_paused_is_told_and_let_go_on_by_the_runs_name(bench: Bench) -> None:
    left_paused(bench.lab)
    told = await bench.run("fleet")
    assert (told.code, "vops undo 20200101-000000-c0ffee" in told.err) == (0, True)
    assert "GitOps is paused on deployment/qwen3-4b" in (await bench.run("doctor")).out
    undone = await bench.run("undo", "20200101-000000-c0ffee", "--yes")
    assert undone.code == 0, undone.err
    notes = bench.lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)["metadata"]["annotations"]
    assert not [key for key in notes if "paused" in key or "flux" in key]
    assert (await bench.run("undo", "20200101-000000-c0ffee", "--yes")).code == 2


ASK = "  - {id: how, kind: ask, title: Say how long, say: How long?, type: duration}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--yes",), 7, "add --set how="),
        (("--yes", "--set", "how=soon"), 2, "'soon' is not a duration"),
        (("--yes", "--set", "who=me"), 2, "it asks for: how"),
        (("--yes", "--set", "how=5m"), 0, "the answer is 300"),
    ],
)
async def test_what_a_step_asks_for_is_given_before_the_run(
    bench: Bench, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = await bench.run("run", bench.runbook(ASK), *arguments)
    assert (done.code, words in done.err, bench.seconds) == (code, True, 0 if code else 1), done.err
