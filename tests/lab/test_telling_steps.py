"""Steps that read what was told (logs, events), through a runbook on the lab."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, session_on
from tests.lab.test_step_kinds import Bench, outputs
from vops.errors import InputError, Refused
from vops.runbooks.steps import k8s_logs

TARGET = "ref: {kind: Deployment, name: NAME, namespace: inference}"


def of(name: str) -> str:
    return TARGET.replace("NAME", name)


@pytest_asyncio.fixture
async def gated(start_lab: StartLab, tmp_path: Path) -> AsyncIterator[Bench]:
    """A lab with a server that the Hub refuses, so that its container fails again and again."""
    lab = await start_lab("gated-model")
    async with session_on(lab, tmp_path / "state") as session:
        yield Bench(lab, session, tmp_path)


async def test_the_end_of_the_logs_is_read_and_decided_on(gated: Bench) -> None:
    plan = await gated.plan(
        f"id: log, kind: k8s.logs, {of('llama3-8b')}, previous: true, match: GatedRepoError, tail: 200",
        "id: c, kind: choose, of: [{if: 'steps.log.lines.exists(line, line.contains(\"403\"))', say: It is gated}]",
    )
    found = outputs(plan, "log")
    assert found["count"] > 0
    assert all("GatedRepoError" in line for line in found["lines"])
    assert all(pod.startswith("llama3-8b") for pod in found["pods"])
    assert plan.steps[0].says[0].startswith(f"{found['count']} lines with 'GatedRepoError'")


async def test_a_log_that_is_not_there_has_no_lines(gated: Bench) -> None:
    plan = await gated.plan(f"id: log, kind: k8s.logs, {of('qwen3-4b')}, previous: true")
    assert (outputs(plan, "log")["count"], outputs(plan, "log")["lines"]) == (0, [])


async def test_a_plan_holds_neither_secrets_nor_gigabytes_of_a_log(
    gated: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hf_" + "a" * 30

    async def logs(*_: Any, **__: Any) -> str:
        return "\n".join([f"line {number} " + "x" * 100 for number in range(400)] + [f"with {secret}"])

    monkeypatch.setattr(gated.session.cluster, "logs", logs)
    monkeypatch.setattr(type(gated.session.cluster), "logs", staticmethod(logs))
    plan = await gated.plan(f"id: log, kind: k8s.logs, {of('qwen3-4b')}, tail: 500")
    lines = outputs(plan, "log")["lines"]
    assert lines[-1] == "with <masked>"
    assert sum(len(line) for line in lines) < k8s_logs.MOST_BYTES
    assert secret not in plan.to_json().decode()


async def test_events_of_a_workload_are_those_of_its_pods_too(gated: Bench) -> None:
    plan = await gated.plan(
        f"id: told, kind: k8s.events, {of('llama3-8b')}, warnings: true, reasons: [BackOff]",
        "id: c, kind: assert, that: [{cel: '\"BackOff\" in steps.told.reasons', say: No}]",
    )
    event = outputs(plan, "told")["events"][0]
    assert event["object"].startswith("pod/llama3-8b")
    assert (event["reason"], event["type"]) == ("BackOff", "Warning")
    assert event["times"] >= 1
    assert "BackOff on pod/llama3-8b" in plan.steps[0].says[0]


async def test_without_the_permission_for_events_nothing_is_planned(gated: Bench) -> None:
    gated.lab.server.access.deny("list", "events")
    with pytest.raises(Refused, match="lack a permission that one needs: list events in inference"):
        await gated.plan(f"id: told, kind: k8s.events, {of('llama3-8b')}")


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (f"id: a, kind: k8s.logs, {of('x')}, match: '['", "has `match`: unterminated character set"),
        (f"id: a, kind: k8s.logs, {of('x')}, tail: 5000", "tail: expected `int` <= 500"),
        (f"id: a, kind: k8s.events, {of('x')}, reason: [A]", "k8s.events has no key 'reason'"),
    ],
)
async def test_a_wrong_argument_is_named(gated: Bench, step: str, why: str) -> None:
    with pytest.raises(InputError, match=r"one\.yaml:10: ") as caught:
        await gated.plan(step)
    assert why in caught.value.message
    assert not [item for item in gated.lab.server.requests if NAMESPACE in item.path]
