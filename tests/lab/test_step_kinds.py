"""What each kind of step does on a cluster, through a runbook of its own."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, driven, session_on
from vops.errors import InputError, NotVerified, Refused, StepFailed, Unavailable
from vops.lab.engine.traffic import Traffic
from vops.lab.world import Lab
from vops.operations.running.run import RunResult, plan_run, run_plan
from vops.operations.session import Session
from vops.planning.plan import Plan

HEAD = """\
vops: 1
id: one
title: One step
risk: low
params:
  namespace: {type: k8s.namespace}
  target: {type: k8s.ref, kinds: [apps/v1/Deployment], default: deployment/llama3-8b}
lock: ['${params.target}']
steps:
"""
REF = "ref: '${params.target}'"


class Bench:
    """The healthy lab, a session on it, and runbooks written on the spot."""

    def __init__(self, lab: Lab, session: Session, folder: Path) -> None:
        self.lab = lab
        self.session = session
        self.folder = folder

    async def plan(self, *steps: str) -> Plan:
        path = self.folder / "one.yaml"
        path.write_text(HEAD + "".join(f"  - {{{step}}}\n" for step in steps))
        return await plan_run(self.session, str(path), {"namespace": NAMESPACE})

    async def run(self, *steps: str) -> RunResult:
        person = Person()
        going = run_plan(self.session, await self.plan(*steps), approve=person.approve, progress=person.progress)
        return await driven(self.session, going)

    def live(self) -> dict[str, Any]:
        return self.lab.store.get("apps/v1", "Deployment", NAMESPACE, "llama3-8b")

    def pods(self) -> list[dict[str, Any]]:
        found = self.lab.store.list("v1", "Pod", NAMESPACE)
        return [pod for pod in found if pod["metadata"]["name"].startswith("llama3-8b")]

    def edit(self, manager: str, **spec: Any) -> None:
        document = copy.deepcopy(self.live())
        document["spec"] |= spec
        self.lab.store.update(document, manager=manager)


@pytest_asyncio.fixture
async def bench(start_lab: StartLab, tmp_path: Path) -> AsyncIterator[Bench]:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path / "state") as session:
        yield Bench(lab, session, tmp_path)


def outputs(plan: Plan, step: str) -> dict[str, Any]:
    return next(item.outputs for item in plan.steps if item.id == step)


async def test_a_workload_is_inspected(bench: Bench) -> None:
    found = outputs(await bench.plan(f"id: i, kind: vllm.inspect, {REF}"), "i")
    assert (found["tp"], found["replicas"], found["ready"], found["container"]) == (1, 4, 4, "vllm")
    assert found["model"] == "NousResearch/Meta-Llama-3-8B-Instruct"
    assert not bench.lab.server.writes


async def test_objects_are_read_and_listed(bench: Bench) -> None:
    plan = await bench.plan(
        f"id: one, kind: k8s.get, {REF}",
        "id: none, kind: k8s.get, ref: {kind: Service, name: nothing, namespace: inference}, optional: true",
        "id: pods, kind: k8s.list, of: Pod, namespace: inference, labels: {app.kubernetes.io/name: llama3-8b}",
    )
    assert outputs(plan, "one")["object"]["spec"]["replicas"] == 4
    assert (outputs(plan, "none")["found"], outputs(plan, "pods")["count"]) == (False, 4)


@pytest.mark.parametrize("step", ["kind: k8s.get, ref: {kind: Secret, name: s}", "kind: k8s.list, of: Secret"])
async def test_no_secret_is_read_into_a_plan(bench: Bench, step: str) -> None:
    with pytest.raises(InputError, match="Secret's contents never enter a plan"):
        await bench.plan(f"id: s, {step}")


async def test_a_workload_without_an_autoscaler_is_scaled_itself(bench: Bench) -> None:
    await bench.run(f"id: s, kind: k8s.scale, {REF}, replicas: 3")
    assert bench.live()["spec"]["replicas"] == 3


async def test_an_autoscaler_is_told_instead(bench: Bench) -> None:
    hpa = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "llama", "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama3-8b"},
            "minReplicas": 2,
            "maxReplicas": 6,
        },
    }
    bench.lab.store.create(hpa)
    plan = await bench.plan(f"id: s, kind: k8s.scale, {REF}, replicas: 3")
    (change,) = plan.changes
    assert (change.target.kind, change.after["spec"]["minReplicas"], change.after["spec"]["maxReplicas"]) == (
        "HorizontalPodAutoscaler",
        3,
        3,
    )


async def test_a_rollout_is_restarted_and_taken_back_to_an_older_template(bench: Bench) -> None:
    template = bench.live()["spec"]["template"]
    wait = f"id: w, kind: k8s.rolloutStatus, {REF}, timeout: 30m"
    assert (await bench.run(f"id: r, kind: k8s.rollout, {REF}, do: restart", wait)).error is None
    assert bench.live()["spec"]["template"] != template
    result = await bench.run(f"id: u, kind: k8s.rollout, {REF}, do: undo", wait)
    assert (result.error, bench.live()["spec"]["template"]) == (None, template)


async def test_a_rollout_without_an_older_template_says_so(bench: Bench) -> None:
    with pytest.raises(InputError, match="has no such older revision; it keeps 1"):
        await bench.plan(f"id: u, kind: k8s.rollout, {REF}, do: undo")


EVICT = "kind: k8s.evict, why: To see, pods: [{kind: Pod, name: NAME, namespace: inference}]"


async def test_a_pod_is_evicted_and_made_anew(bench: Bench) -> None:
    name = bench.pods()[0]["metadata"]["name"]
    result = await bench.run(f"id: e, {EVICT.replace('NAME', name)}")
    assert result.error is None
    assert name not in [pod["metadata"]["name"] for pod in bench.pods() if "deletionTimestamp" not in pod["metadata"]]


async def test_a_budget_is_asked_and_asked_again(bench: Bench) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "all", "namespace": NAMESPACE},
        "spec": {"minAvailable": 4, "selector": {"matchLabels": {"app.kubernetes.io/name": "llama3-8b"}}},
    }
    bench.lab.store.create(budget)
    name = bench.pods()[0]["metadata"]["name"]
    result = await bench.run(f"id: e, {EVICT.replace('NAME', name)}, retry: {{max: 2}}")
    assert isinstance(result.error, Unavailable)
    assert "disruption budget" in str(result.error)
    evictions = [item for item in bench.lab.server.writes if item.path.endswith("/eviction")]
    assert [item.status for item in evictions] == [429, 429, 429]


async def test_what_runs_no_vllm_is_not_evicted(bench: Bench) -> None:
    with pytest.raises(Refused, match="does not run vLLM"):
        await bench.plan(f"id: e, {EVICT.replace('NAME', 'somebody-elses')}")


async def test_load_is_measured_and_decided_on(bench: Bench) -> None:
    result = await bench.run(
        f"id: b, kind: vllm.bench, {REF}, duration: 1s, timeout: 1m",
        "id: ok, kind: assert, that: [{cel: steps.b.measured && steps.b.failed == 0, say: Bad}]",
        f"id: m, kind: vllm.metrics, {REF}, timeout: 1m",
        f"id: c, kind: k8s.patch, title: c, {REF}, set: {{/spec/minReadySeconds: 1}}",
    )
    assert result.error is None
    measured = {step.id: step.outputs for step in result.steps}
    assert measured["b"]["requests"] > 4
    assert measured["b"]["ttftP95"] > 0
    assert measured["m"]["servers"] == 4


async def test_a_soak_names_who_reverts(bench: Bench) -> None:
    async def revert() -> RunResult:
        return await bench.run(
            f"id: c, kind: k8s.patch, title: c, {REF}, set: {{/spec/minReadySeconds: 1}}",
            f"id: w, kind: k8s.wait, {REF}, until: obj.spec.minReadySeconds == 1, failWhen: 'false', timeout: 1m",
            f"id: s, kind: soak, {REF}, for: 1m, timeout: 2m",
        )

    async def somebody() -> None:
        await bench.lab.clock.sleep(20)
        bench.edit("argocd-controller", minReadySeconds=7)

    other = asyncio.create_task(somebody())
    result = await revert()
    await other
    assert isinstance(result.error, (NotVerified, StepFailed))
    assert "/spec/minReadySeconds was reverted by argocd-controller at 2026" in str(result.error)


async def test_a_quiet_soak_is_passed(bench: Bench) -> None:
    result = await bench.run(
        f"id: c, kind: k8s.patch, title: c, {REF}, set: {{/spec/minReadySeconds: 1}}",
        f"id: s, kind: soak, {REF}, for: 1m, timeout: 2m",
    )
    assert result.error is None
    assert "4 ready, 0 not, 0 restarts" in result.steps[-1].message


@pytest.mark.parametrize(
    ("requests", "says"), [(0.0, "0 running, 0 waiting"), (4.4, "it gets no quieter: never fewer")]
)
async def test_a_quiet_moment_is_waited_for_only_while_it_gets_quieter(
    bench: Bench, requests: float, says: str
) -> None:
    bench.lab.world.traffic.set(NAMESPACE, "llama3-8b", Traffic(requests))
    await bench.lab.advance(120)
    watch = "until: obj.running == 0.0, stall: {of: obj.least, for: 20s}, timeout: 10m"
    quiet = f"id: m, kind: vllm.metrics, {REF}, {watch}"
    change = f"id: c, kind: k8s.patch, title: c, {REF}, set: {{/spec/minReadySeconds: 1}}"
    began = bench.session.clock.monotonic()
    result = await bench.run(f"{quiet}, onFail: continue", change)
    assert result.error is None
    assert says in result.steps[0].message
    assert bench.session.clock.monotonic() - began < 120


async def test_what_a_drained_node_has_in_flight_is_known_before(bench: Bench) -> None:
    """The look of the plan is at the node, and scrapes no server."""
    plan = await plan_run(bench.session, "drain-node", {"node": "node/gpu-l4-2"})
    (impact,) = plan.impacts or ()
    assert (impact.gone, impact.unscraped) == (1, 0)
    assert impact.in_flight
