"""The nodes' screen: who holds which GPU, how it does, what waits for one, and what is left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from tests.tui import builders
from tests.tui.conftest import app_on, painted, replicas_shown, screen_text, until
from vops.diagnosis.facts import Facts
from vops.diagnosis.provisioning.outcomes import Outcome, Provisioning
from vops.model.objects import Condition
from vops.model.resources import Node
from vops.model.serving import GpuSample
from vops.model.snapshot import ClusterSnapshot, Source, SourceState
from vops.render.nodes import GpuHours, NodeRow, node_rows, nodes_view, price_of, provision_text
from vops.render.nodes_table import NODE_COLUMNS, gpu_lines, node_line, totals_line, waste_text, watts
from vops.render.text import plain
from vops.settings import Settings, TuiSettings
from vops.tui.app import VopsApp
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.jump import JumpScreen
from vops.tui.screens.nodes import NodesScreen
from vops.tui.screens.replica import ReplicaScreen


def gpu(node: str, index: str, *, pod: str = "", util: float = 0.7, xid: float = 0.0, celsius: float = 61) -> GpuSample:
    return GpuSample(
        builders.NOW, node, f"GPU-{index}", index, "NVIDIA H100 80GB HBM3", "prod" if pod else "", pod, "vllm", util,
        40_000.0, 81_920.0, 412.0, celsius, xid,
    )  # fmt: skip


def snapshot() -> ClusterSnapshot:
    known = builders.fleet_snapshot()
    gpus = (
        gpu("gpu-a-1", "0", pod="qwen3-8b-6f9c4-k2x8p"),
        gpu("gpu-a-1", "1", util=0.0),
        gpu("gpu-a-3", "0", pod="bge-m3-6f9c4-ss2kf", util=0.01),
        gpu("gpu-b-1", "0", pod="llama-3-3-70b-6f9c4-b8v5r", xid=79, celsius=93),
    )
    return msgspec.structs.replace(known, gpus=gpus)


def row_of(name: str, seen: ClusterSnapshot | None = None) -> NodeRow:
    return next(row for row in node_rows(Facts(seen or snapshot())) if row.node == name)


def cells(row: NodeRow) -> dict[str, str]:
    return {column.key: column.cell(row).text for column in NODE_COLUMNS}


def test_a_node_says_what_is_held_by_whom_and_how_its_gpus_do() -> None:
    row = row_of("gpu-a-1")
    assert (row.gpus, row.held, row.free, row.unused) == (8, 1, 7, 0)
    assert row.holders == (("prod/qwen3-8b-6f9c4-k2x8p", 1),)
    assert (row.utilisation, row.temperature_c, row.power_w) == (0.35, 61, 824.0)
    assert cells(row)["power"] == "824W"


def test_an_error_heat_and_idleness_have_glyphs_and_words() -> None:
    hot, idle = row_of("gpu-b-1"), row_of("gpu-a-3")
    assert (cells(hot)["xid"], cells(hot)["temperature"]) == ("✗79", "✗93°C")
    assert "Xid 79" in plain([node_line(hot)])
    assert idle.unused == 1
    assert "1 held and idle" in plain([node_line(idle)])


def test_what_no_exporter_tells_is_a_dash_and_said_to_be_unknown() -> None:
    row = row_of("gpu-a-2")
    assert {cells(row)[key] for key in ("util", "memory", "temperature", "power", "xid", "unused")} == {"–"}
    assert "no DCGM exporter" in plain(gpu_lines(row))


def shared(labels: dict[str, str], resource: str = "nvidia.com/gpu") -> Node:
    made = builders.node("n")
    meta = msgspec.structs.replace(made.metadata, labels={**made.metadata.labels, **labels})
    status = msgspec.structs.replace(made.status, allocatable={resource: "7"})
    return msgspec.structs.replace(made, metadata=meta, status=status)


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (shared({}), ""),
        (shared({"nvidia.com/gpu.sharing-strategy": "mps", "nvidia.com/gpu.replicas": "4"}), "mps ×4"),
        (shared({"nvidia.com/gpu.replicas": "2"}), "time-slicing ×2"),
        (shared({}, "nvidia.com/mig-1g.10gb"), "MIG 1g.10gb"),
    ],
)
def test_what_is_counted_is_named_when_it_is_no_whole_card(node: Node, told: str) -> None:
    seen = ClusterSnapshot(at=builders.NOW, sources=builders.sources(), nodes=(node,))
    assert row_of("n", seen).sharing == told


@pytest.mark.parametrize(
    ("condition", "unschedulable", "told"),
    [
        (Condition("Ready", "True"), False, "● ready"),
        (Condition("Ready", "True"), True, "⊘ cordoned"),
        (Condition("Ready", "False"), False, "✗ not ready"),
        (Condition("Ready", "Unknown"), False, "✗ lost"),
    ],
)
def test_the_state_of_a_node(condition: Condition, unschedulable: bool, told: str) -> None:
    made = builders.node("n")
    status = msgspec.structs.replace(made.status, conditions=(condition,))
    spec = msgspec.structs.replace(made.spec, unschedulable=unschedulable)
    node = msgspec.structs.replace(made, status=status, spec=spec)
    seen = ClusterSnapshot(at=builders.NOW, sources=builders.sources(), nodes=(node,))
    assert cells(row_of("n", seen))["state"] == told


def test_gpu_hours_add_up_while_one_looks_and_are_told_in_money_where_a_price_is_known() -> None:
    hours, rows = GpuHours(), node_rows(Facts(snapshot()))
    for minute in range(61):
        hours.add(rows, builders.NOW + timedelta(minutes=minute))
    hours.add(rows, builders.NOW + timedelta(days=3))  # nobody looked in between
    priced = hours.onto(rows, {"H100": 4.0, "h100-80gb": 2.0})
    row = next(row for row in priced if row.node == "gpu-a-3")
    assert row.idle_h == pytest.approx(6.0)
    assert row.unused_h == pytest.approx(1.0)
    assert row.price_per_h == 2.0
    assert waste_text([row], "€") == "6.0 GPU-hours free, 1.0 idle (€14.00)"
    assert "€" not in plain([totals_line(hours.onto(rows, {}), "€")])


def test_prices_and_watts() -> None:
    assert price_of("NVIDIA-L4", {"H100": 4.0}) is None
    assert (watts(None), watts(312), watts(5600)) == ("–", "312W", "5.6kW")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Provisioning(), "not known who brings a node"),
        (Provisioning(Outcome.WORKING, "ca", since=builders.NOW), "a node is coming (ca), asked at 03:12:45"),
        (Provisioning(Outcome.QUOTA), "no: cloud quota"),
    ],
)
def test_who_brings_a_node(found: Provisioning, told: str) -> None:
    assert provision_text(found) == told


def test_pods_that_wait_for_a_gpu_are_told_the_longest_waiting_first() -> None:
    view = nodes_view(Facts(snapshot()))
    assert [(row.pod, row.gpus, row.waits_s) for row in view.pending] == [("mixtral-6f9c4-4hnvq", 2, 240.0)]


# --- the screen -------------------------------------------------------------------------------------------


async def at_nodes(app: VopsApp, pilot: Pilot[Any]) -> NodesScreen:
    await painted(pilot)
    app.open("nodes")
    await until(pilot, lambda: "GPUs of gpu-a-1" in screen_text(app))
    assert isinstance(app.screen, NodesScreen)
    return app.screen


async def test_every_key_of_the_nodes_screen() -> None:
    app = app_on(snapshot(), settings=Settings(tui=TuiSettings(gpu_prices_per_hour={"H100": 3.0})))
    async with app.run_test(size=(160, 50)) as pilot:
        screen = await at_nodes(app, pilot)
        assert "5 GPU nodes" in screen_text(app)
        assert "Waiting for a GPU 1" in screen_text(app)
        await pilot.press("end")
        await until(pilot, lambda: "GPUs of gpu-b-2" in screen_text(app))
        await pilot.press("slash", *"b-1", "enter")
        await until(pilot, lambda: [row.node for row in screen.table.rows] == ["gpu-b-1"])
        await pilot.press("tab", "tab", "tab")
        assert screen.focused is screen.table
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await replicas_shown(pilot, app, 2)


async def test_the_first_waiting_pod_opens_and_escape_comes_all_the_way_back() -> None:
    app = app_on(snapshot())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await at_nodes(app, pilot)
        await pilot.press("s", "S")
        assert screen.table.rows
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_nodes_that_may_not_be_listed_are_said_to_be_unknown_and_not_none() -> None:
    denied = [
        item if item.source is not Source.NODES else builders.status(Source.NODES, SourceState.DENIED)
        for item in builders.sources()
    ]
    seen = msgspec.structs.replace(snapshot(), nodes=())
    app = app_on(builders.with_sources(seen, denied))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        app.open("nodes")
        await until(pilot, lambda: "may not list nodes" in screen_text(app))


async def test_jump_mode_puts_a_letter_on_every_pane_and_goes_where_it_is_told() -> None:
    app = app_on(snapshot())
    async with app.run_test(size=(120, 34)) as pilot:
        screen = await at_nodes(app, pilot)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        assert len(app.screen.query(".mark")) == 3
        await pilot.press("d")
        await until(pilot, lambda: screen.focused is screen.query_one("#pending"))
        await pilot.press("ctrl+o", "escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.focused is screen.query_one("#pending")
