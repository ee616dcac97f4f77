"""The screen of a workload: rollout and revisions, replicas, the way in, who scales it, and what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import app_on, painted, screen_text, until
from tests.unit.diagnosis import cluster_parts as parts
from tests.unit.diagnosis.scaling_parts import QUERY, keda_hpa
from tests.unit.diagnosis.scaling_parts import scaled as keda_object
from vops.diagnosis.facts import Facts, WorkloadFacts
from vops.model.configuration import ControllerRevision, RevisionData, RevisionSpec
from vops.model.disruption import PodDisruptionBudget
from vops.model.network import Endpoint, EndpointConditions, EndpointSlice, Service, ServicePort, ServiceSpec
from vops.model.objects import Condition, Meta, Ref
from vops.model.pods import Container, PodSpec
from vops.model.resources import PodTemplate, Workload
from vops.model.scaling import (
    HorizontalPodAutoscaler,
    HpaSpec,
    HpaStatus,
    ScaledObject,
    ScaledObjectSpec,
    ScaledObjectTrigger,
    ScaleTarget,
)
from vops.render.fleet_facts import fleet_view
from vops.render.revisions import template_lines
from vops.render.text import plain
from vops.render.workload import (
    budget_lines,
    replica_lines,
    rollout_lines,
    scaler_lines,
    service_lines,
    workload_sentence,
)
from vops.tui.app import VopsApp
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.fix import FixScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.logs import LogsScreen
from vops.tui.screens.runbooks import RunbooksScreen
from vops.tui.screens.workload import PANES, WorkloadScreen

LLAMA = Ref("Deployment", "llama-3-3-70b", "prod")


def workload(*others: Any) -> WorkloadFacts:
    found = parts.deployment("llama", replicas=2)
    template = found.spec.template
    labelled = msgspec.structs.replace(
        template, metadata=msgspec.structs.replace(template.metadata, labels={"app": "llama"})
    )
    found = msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, template=labelled))
    own = () if any(isinstance(item, Workload) for item in others) else (parts.replicaset("llama"),)
    return parts.world(found, parts.ready("llama-1", owner="llama"), *own, parts.node(), *others).workloads[0]


def shown(lines: Any) -> str:
    return plain(lines)


def test_a_workload_short_of_replicas_says_so() -> None:
    assert "▲ 1 of 2 ready" in shown([workload_sentence(workload())])


def test_a_rollout_says_what_its_strategy_comes_to_and_what_fails() -> None:
    found = workload()
    failing = Condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
    status = msgspec.structs.replace(found.workload.status, conditions=(failing,))
    changed = msgspec.structs.replace(found.workload, status=status)
    text = shown(rollout_lines(WorkloadFacts(changed, found.facts)))
    assert "at most 1 too many, 0 too few" in text
    assert "▲ Progressing False  ProgressDeadlineExceeded: timed out" in text


def test_a_paused_rollout_and_one_that_nobody_has_seen_yet_say_so() -> None:
    found = workload()
    spec = msgspec.structs.replace(found.workload.spec, paused=True)
    meta = msgspec.structs.replace(found.workload.metadata, generation=5)
    changed = msgspec.structs.replace(found.workload, spec=spec, metadata=meta)
    text = shown(rollout_lines(WorkloadFacts(changed, found.facts)))
    assert "paused" in text
    assert "has not seen the newest change" in text


@pytest.mark.parametrize(
    ("width", "rows"),
    [
        (90, ["llama-1  ● ready  gpu-1  run –  wait –  KV –  TTFT95 –"]),
        (40, ["llama-1  ● ready  gpu-1", "  run –  wait –  KV –  TTFT95 –"]),
    ],
)
def test_a_replica_is_told_in_one_row_or_in_two_where_room_is_short(width: int, rows: list[str]) -> None:
    found = workload()
    view = fleet_view(found.facts, {})
    assert [text.rstrip() for text in shown(replica_lines(view.replicas, width)).splitlines()] == rows


def revision(number: int, image: str) -> Workload:
    found = parts.replicaset("llama", revision=str(number))
    meta = msgspec.structs.replace(found.metadata, annotations={"deployment.kubernetes.io/revision": str(number)})
    container = msgspec.structs.replace(parts.ready("x").spec.containers[0], image=image)
    template = msgspec.structs.replace(
        found.spec.template, spec=msgspec.structs.replace(found.spec.template.spec, containers=(container,))
    )
    return msgspec.structs.replace(found, metadata=meta, spec=msgspec.structs.replace(found.spec, template=template))


def test_revisions_are_told_the_newest_first_with_their_image() -> None:
    text = shown(
        rollout_lines(workload(parts.replicaset("llama"), revision(9, "r/vllm:old"), revision(10, "r/vllm:new")))
    )
    assert text.index("vllm:new") < text.index("vllm:old")
    assert "vllm:new  changed: image" in text
    assert "vllm:old  changed" not in text, "nothing is known of the one before it"


def test_templates_of_a_stateful_set_are_told_as_revisions() -> None:
    def template(number: int, *args: str) -> ControllerRevision:
        server = Container(name="vllm", image="vllm/vllm-openai:v0.25.1", command=("vllm", "serve", "m"), args=args)
        data = RevisionData(RevisionSpec(PodTemplate(spec=PodSpec(containers=(server,)))))
        return ControllerRevision(metadata=Meta(name=f"llama-{number}"), revision=number, data=data)

    found = [template(1), template(2), template(3, "--max-model-len", "4096")]
    lines = shown(template_lines(found, "llama-2", "llama-3")).splitlines()
    assert [" ".join(text.split()) for text in lines] == [
        "3 updated vllm-openai:v0.25.1 changed: arguments",
        "2 current vllm-openai:v0.25.1 changed: what surrounds the server",
        "1 vllm-openai:v0.25.1",
    ]


def service(target: int | str) -> Service:
    spec = ServiceSpec(selector={"app": "llama"}, ports=(ServicePort(port=80, target_port=target),))
    return Service(metadata=Meta(name="llama", namespace=parts.NAMESPACE), spec=spec)


def endpoint(name: str, *, ready: bool) -> Endpoint:
    return Endpoint(("10.0.0.1",), EndpointConditions(ready), {"kind": "Pod", "name": name})


def endpoints(service: str, *found: Endpoint) -> EndpointSlice:
    meta = Meta(name=f"{service}-x", namespace=parts.NAMESPACE, labels={"kubernetes.io/service-name": service})
    return EndpointSlice(meta, endpoints=found)


@pytest.mark.parametrize(("target", "told"), [(8000, ":80 → 8000"), ("nobody", "✗ nobody: no container has a port")])
def test_the_way_in_is_told_to_the_last_hop(target: int | str, told: str) -> None:
    text = shown(service_lines(workload(service(target))))
    assert "service/llama" in text
    assert told in text


def test_no_service_and_services_that_were_not_read_are_not_the_same() -> None:
    assert "no Service leads to it" in shown(service_lines(workload()))
    blind = Facts(builders.fleet_snapshot()).workloads[0]
    assert "Services were not read" in shown(service_lines(blind))


def test_an_autoscaler_tells_its_range_its_wish_and_its_query_but_no_credentials() -> None:
    meta = Meta(name="llama", namespace=parts.NAMESPACE)
    target = ScaleTarget(kind="Deployment", name="llama")
    trigger = ScaledObjectTrigger("prometheus", "", {"query": "sum(x)", "threshold": "5", "authToken": "s3cret"})
    scaled = ScaledObject(metadata=meta, spec=ScaledObjectSpec(target, 1, 8, triggers=(trigger,)))
    hpa = HorizontalPodAutoscaler(
        metadata=Meta(name="keda-hpa-llama", namespace=parts.NAMESPACE),
        spec=HpaSpec(target, 1, 8),
        status=HpaStatus(2, 4),
    )
    text = shown(scaler_lines(workload(scaled, hpa)))
    assert "1 to 8 replicas" in text
    assert "is not known, its target is 5" in text
    assert "sum(x)" in text
    assert "it has not scaled yet; scales down after 5m of less" in text
    assert "s3cret" not in text
    assert "no autoscaler" in shown(scaler_lines(workload()))


def test_an_autoscaler_explains_the_number_that_it_wants() -> None:
    hpa = keda_hpa(current="14", replicas=2, most=5)
    text = shown(scaler_lines(workload(keda_object(QUERY, maxReplicaCount=5), hpa)))
    assert "s0-prometheus is 28 in all where each replica is to have 5 → asks for 6, gets 5" in text


def budget(**spec: Any) -> PodDisruptionBudget:
    document = {"metadata": {"name": "llama", "namespace": parts.NAMESPACE}, "spec": spec}
    return msgspec.convert({"kind": "PodDisruptionBudget", **document}, PodDisruptionBudget)


OWN = {"selector": {"matchLabels": {"app": "llama"}}}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ((), "no PodDisruptionBudget: a drain may evict all"),
        ((budget(minAvailable=1, **OWN),), "▲ allows no eviction now: a drain waits"),
        ((budget(maxUnavailable="100%", **OWN),), "allows 1 eviction now"),
        ((budget(minAvailable=1, selector={"matchLabels": {"app": "other"}}),), "no PodDisruptionBudget"),
    ],
    ids=["none", "tight", "loose", "of another"],
)
def test_a_budget_tells_how_many_may_be_evicted(found: Any, told: str) -> None:
    server = parts.ready("llama-1", owner="llama", metadata={"labels": {"app": "llama", "pod-template-hash": "new"}})
    facts = workload(server, *found).facts
    pods = tuple(pod for pod in facts.snapshot.pods if pod.metadata.labels.get("app"))
    only = Facts(msgspec.structs.replace(facts.snapshot, pods=pods))
    assert told in shown(budget_lines(only.workloads[0]))


def test_budgets_that_were_not_read_are_not_absent() -> None:
    assert "were not read" in shown(budget_lines(Facts(builders.fleet_snapshot()).workloads[0]))


def test_the_last_hop_of_a_service_is_a_pod_that_gets_requests_or_not() -> None:
    ends = [endpoint("llama-1", ready=True), endpoint("llama-2", ready=False)]
    text = shown(service_lines(workload(service(8000), endpoints("llama", *ends))))
    assert "● llama-1  10.0.0.1  ready" in text
    assert "✗ llama-2  10.0.0.1  gets no requests" in text


# --- the screen -------------------------------------------------------------------------------------------


async def at_workload(app: VopsApp, pilot: Pilot[Any]) -> WorkloadScreen:
    """From the fleet, as one goes there: tab to the workloads, enter on the first."""
    await painted(pilot)
    await pilot.press("tab", "enter")
    await until(pilot, lambda: isinstance(app.screen, WorkloadScreen) and app.screen.is_drawn)
    assert isinstance(app.screen, WorkloadScreen)
    return app.screen


@pytest.mark.usefixtures("looking")
async def test_every_pane_is_reached_by_its_number_and_by_tab() -> None:
    app = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await at_workload(app, pilot)
        for number, pane in enumerate(PANES, 1):
            await pilot.press(str(number))
            assert screen.focused is screen.query_one(f"#{pane}")
            assert screen.query_one(f"#{pane}").region.height > 0
        await pilot.press("tab")
        assert screen.focused is screen.query_one("#rollout")
        await pilot.press("shift+tab")
        assert screen.focused is screen.query_one("#events")


@pytest.mark.usefixtures("looking", "planned")
@pytest.mark.parametrize(
    ("key", "shows"), [("d", DiagnosisScreen), ("f", FixScreen), ("l", LogsScreen), ("R", RunbooksScreen)]
)
async def test_keys_of_a_workload(key: str, shows: type[Any]) -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        screen = await at_workload(app, pilot)
        await pilot.press("r", key)
        await until(pilot, lambda: isinstance(app.screen, shows))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


@pytest.mark.usefixtures("looking")
async def test_a_workload_that_goes_away_is_said_to_be_gone() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("workload", msgspec.structs.replace(LLAMA, uid="another"))
        await until(pilot, lambda: "↓ gone" in screen_text(app))
