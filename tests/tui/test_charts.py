"""Charts: one time axis, dots as high as the values, letters where something happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from tests.unit.diagnosis import cluster_parts as parts
from tests.unit.diagnosis.scaling_parts import QUERY, about, keda_hpa, scaled, workload
from vops.model.configuration import ConfigHistory, ConfigMapChange, ControllerRevision, RevisionData, RevisionSpec
from vops.model.objects import Meta, Ref
from vops.model.pods import Container, Pod, PodSpec
from vops.model.resources import PodTemplate, Workload
from vops.operations.observation.config_history import config_maps_of
from vops.render.charts import SERIES, Window, change_lines, chart_lines, mark_lines, page_lines
from vops.render.history import History
from vops.render.marks import Mark, marks_of
from vops.render.text import plain
from vops.tui.screens.charts import ChartsScreen
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.replica import ReplicaScreen

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
KV = SERIES[1]


def seconds(*ages: float) -> list[float]:
    return [(NOW - timedelta(seconds=age)).timestamp() for age in ages]


def test_a_value_is_as_high_as_it_is_and_holds_until_the_next_one() -> None:
    at = seconds(40, 20, 10, 0)
    _, top, bottom = chart_lines(KV, [1.0, None, 0.0, 1.0], at, Window(at[0], at[-1], 2), 2)
    assert top[1].text == "\u28ff\u28b8"
    assert bottom[1].text == "\u28ff\u28b8"
    assert (top[0].text.strip(), bottom[0].text.strip()) == ("100%", "")


def test_where_nobody_looked_for_long_nothing_is_drawn() -> None:
    at = seconds(100, 0)
    _, row = chart_lines(KV, [1.0, 1.0], at, Window(at[0], at[-1], 4), 1)
    assert row[1].text == "\u2847\u2800\u2800\u28b8"


@pytest.mark.parametrize(("age", "column"), [(60, 0), (30, 5), (0, 9), (61, None), (-1, None)])
def test_a_moment_has_its_column(age: float, column: int | None) -> None:
    begin, end = seconds(60, 0)
    assert Window(begin, end, 10).column(seconds(age)[0]) == column


def test_a_series_without_a_value_draws_nothing_and_says_so() -> None:
    at = seconds(10, 0)
    title, row = chart_lines(KV, [None, None], at, Window(at[0], at[1], 4), 1)
    assert title[1].text == "–"
    assert row[1].text == "\u2800" * 4


def mark(letter: str, age: float, what: str = "") -> Mark:
    return Mark(builders.ago(seconds=age), letter, f"means {letter}", what)


def test_what_happened_is_a_letter_at_its_moment_with_what_it_means() -> None:
    end = builders.NOW.timestamp()
    window = Window(end - 60, end, 10)
    row, legend = mark_lines([mark("K", 30), mark("S", 90)], window)
    assert row[1].text == "     K    "
    assert legend[0].text.strip() == "K means K"
    assert mark_lines([], window) == []
    crowded, _ = mark_lines([mark("C", 30), mark("u", 30)], window)
    assert crowded[1].text == "     C    ", "a change is what one looks for"


def test_the_last_change_is_told_in_words() -> None:
    told = plain(change_lines([mark("C", 300, "revision 4: image"), mark("u", 10)], builders.NOW))
    assert told == "changed   C 5m ago  means C  revision 4: image\n"
    assert change_lines([mark("u", 10)], builders.NOW) == []


def revised(item: Workload, number: int, age_s: float, *args: str) -> Workload:
    """A ReplicaSet of that revision, which starts vLLM with `args`."""
    annotations = {"deployment.kubernetes.io/revision": str(number)}
    created = parts.NOW - timedelta(seconds=age_s)
    meta = msgspec.structs.replace(item.metadata, annotations=annotations, creation_timestamp=created)
    server = Container(name="vllm", image="vllm/vllm-openai:v0.25.1", command=("vllm", "serve", "m/llama"), args=args)
    template = msgspec.structs.replace(item.spec.template, spec=PodSpec(containers=(server,)))
    return msgspec.structs.replace(item, metadata=meta, spec=msgspec.structs.replace(item.spec, template=template))


def test_pod_workload_autoscaler_and_node_leave_their_marks() -> None:
    """A revision with other arguments, a death, a lost node, a cordon, a rescale and a start: each at its time."""
    old, new = parts.replicaset(revision="old"), parts.replicaset(revision="new")
    old, new = revised(old, 3, 5000, "--max-model-len", "8192"), revised(new, 4, 900, "--max-model-len", "4096")
    dead = parts.ended(137, reason="OOMKilled", ended_s=200)
    server = parts.pod(owner="llama", status=parts.running(180, ready=True, restarts=1) | {"lastState": dead})
    node = parts.node(ready=False)
    lost = msgspec.structs.replace(node.status.conditions[0], last_transition_time=parts.NOW - timedelta(seconds=100))
    node = msgspec.structs.replace(node, status=msgspec.structs.replace(node.status, conditions=(lost,)))
    cordoned = about("Node", "gpu-1", "NodeNotSchedulable", "cordoned", age_s=300)
    of_node = msgspec.structs.replace(cordoned.involved_object, namespace="")
    events = (
        parts.event("Started", "Started container", age_s=180),
        about("HorizontalPodAutoscaler", "keda-hpa-llama", "SuccessfulRescale", "New size: 2", age_s=400),
        msgspec.structs.replace(cordoned, involved_object=of_node),
    )
    facts = parts.world(server, node, workload(1), old, new, scaled(QUERY), keda_hpa(), *events)
    marks = marks_of(parts.the_replica(facts))
    assert [(item.letter, item.what) for item in marks] == [
        ("C", "revision 4: arguments"),
        ("A", "New size: 2"),
        ("X", "cordoned"),
        ("D", "exit 137 OOMKilled"),
        ("S", "Started container"),
        ("N", ""),
    ]


def test_config_maps_and_revisions_of_a_stateful_set_leave_their_marks() -> None:
    def made(number: int, age_s: float, *args: str) -> ControllerRevision:
        meta = Meta(creation_timestamp=parts.NOW - timedelta(seconds=age_s))
        server = Container(name="vllm", image="vllm/vllm-openai:v0.25.1", command=("vllm", "serve", "m"), args=args)
        data = RevisionData(RevisionSpec(PodTemplate(spec=PodSpec(containers=(server,)))))
        return ControllerRevision(metadata=meta, revision=number, data=data)

    at = parts.NOW - timedelta(seconds=300)
    changes = (
        ConfigMapChange("chat-template", at - timedelta(days=1), "", made=True),
        ConfigMapChange("flags", at, "kubectl-edit", at_start=True),
    )
    history = ConfigHistory(changes, (made(1, 9000), made(2, 900, "--max-model-len", "4096")))
    marks = marks_of(parts.the_replica(parts.world(parts.ready(), parts.node())), history)
    told = [(item.letter, item.what) for item in marks if item.letter in "CM"]
    assert told == [
        ("M", "configmap/chat-template made"),
        ("C", "revision 2: arguments"),
        ("M", "configmap/flags by kubectl-edit, read when its container starts"),
    ]
    assert all(item.is_change for item in marks if item.letter in "CM")


def test_a_pod_reads_the_config_maps_that_it_names() -> None:
    document = {
        "kind": "Pod",
        "spec": {
            "volumes": [
                {"name": "a", "configMap": {"name": "mounted"}},
                {"name": "b", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}, {"secret": {}}]}},
            ],
            "containers": [
                {
                    "name": "vllm",
                    "envFrom": [{"configMapRef": {"name": "flags"}}, {"secretRef": {"name": "token"}}],
                    "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "mounted", "key": "x"}}}],
                }
            ],
        },
    }
    assert config_maps_of(msgspec.convert(document, Pod)) == {"mounted": False, "flags": True}


def test_a_page_fits_its_room_and_names_both_ends_of_the_axis() -> None:
    at = seconds(*range(600, -1, -10))
    half = [0.5] * len(at)
    history = History(half, half, half, half, half, half, at)
    lines = page_lines(history, (), NOW, 80, 30)
    assert len(lines) <= 30
    assert "10m ago" in plain(lines)
    assert plain(lines).rstrip().endswith("now")
    assert "nothing to draw yet" in plain(page_lines(History(), (), NOW, 80, 30))


@pytest.mark.usefixtures("looking")
async def test_c_on_a_replica_draws_its_charts_and_keys_lead_on() -> None:
    app = app_on()
    async with app.run_test(size=(100, 30)) as pilot:
        await painted(pilot)
        app.open("replica", Ref("Pod", GATED, "research", f"uid-{GATED}"))
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen) and app.screen.is_drawn)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChartsScreen) and "Charts" in screen_text(app))
        charts: Any = app.screen
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DiagnosisScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is charts)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen))
