"""The fleet screen: every key does what help says, and what is not known or not current never looks as if it were."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import msgspec
import pytest
from textual.widgets import OptionList

from tests.tui import builders
from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from vops.errors import Unreachable
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus
from vops.render.fleet import fleet_document, row_document, view_document
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.messages import Failed, Pictured
from vops.tui.screens.diagnosis import DiagnosisScreen
from vops.tui.screens.fix import FixScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.help import HelpScreen
from vops.tui.screens.logs import LogsScreen
from vops.tui.screens.pick import PickScreen
from vops.tui.screens.replica import ReplicaScreen


def fleet(app: VopsApp) -> FleetScreen:
    screen = app.screen
    assert isinstance(screen, FleetScreen)
    return screen


def shows(app: VopsApp, text: str) -> bool:
    return text in screen_text(app)


def pods(app: VopsApp) -> list[str]:
    return [row.pod for row in fleet(app).replicas.rows]


async def test_it_draws_before_there_is_any_data() -> None:
    app = app_on(ClusterSnapshot(at=builders.NOW))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "LOADING" in screen_text(app)
        assert "Replicas 0" not in screen_text(app)


async def test_what_needs_a_person_comes_first_with_its_cause() -> None:
    app = app_on()
    async with app.run_test(size=(200, 50)) as pilot:
        await painted(pilot)
        assert pods(app)[:3] == [GATED, "mixtral-6f9c4-4hnvq", "llama-3-3-70b-6f9c4-zz9p1"]
        assert "✗ crash-looping" in screen_text(app)


async def test_an_unknown_number_is_a_dash_and_never_zero() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        row = next(line for line in screen_text(app).splitlines() if "bge-m3-6f9c4" in line)
        assert row.split()[-6:] == ["0", "0", "0", "–", "1", "12d"]


async def test_a_number_that_is_not_current_shows_its_age() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        row = next(line for line in screen_text(app).splitlines() if "m4c2x" in line)
        assert "~42s" in row


@pytest.mark.parametrize(
    ("key", "screen"),
    [
        ("enter", ReplicaScreen),
        ("d", DiagnosisScreen),
        ("f", FixScreen),
        ("l", LogsScreen),
        ("question_mark", HelpScreen),
        ("n", PickScreen),
        ("c", PickScreen),
    ],
)
@pytest.mark.usefixtures("looking", "planned")
async def test_a_key_opens_its_screen_and_escape_comes_back(key: str, screen: type) -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, screen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_the_cursor_stays_with_its_pod_when_the_order_changes(looking: list[Ref]) -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("down", "S")
        assert fleet(app).replicas.current is not None
        await pilot.press("d")
        await until(pilot, lambda: bool(looking))
        assert looking[0] == Ref("Pod", "mixtral-6f9c4-4hnvq", "research", "uid-mixtral-6f9c4-4hnvq")


async def test_the_filter_narrows_while_one_types_and_escape_clears_it() -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("slash", *"qwen")
        await until(pilot, lambda: len(pods(app)) == 3)
        await pilot.press("enter")
        assert fleet(app).focused is fleet(app).replicas
        await pilot.press("escape")
        assert len(pods(app)) == 9


@pytest.mark.parametrize(("typed", "left"), [("!ready", 3), ("crash|pend", 2), ("research", 2), ("[", 0), ("", 9)])
async def test_a_filter_is_a_regular_expression_over_what_the_row_says(typed: str, left: int) -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("slash")
        fleet(app).query_one("#typed").value = typed  # type: ignore[attr-defined]
        await until(pilot, lambda: len(pods(app)) == left)


async def test_sorting_by_a_number_puts_the_biggest_first_and_the_unknown_last() -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("colon", *"sort kv", "enter")
        await pilot.pause()
        assert pods(app)[0] == "qwen3-8b-6f9c4-tz7mm"
        assert GATED in pods(app)[-3:]
        await pilot.press("S")
        assert pods(app)[0] == "bge-m3-6f9c4-ss2kf"
        assert GATED in pods(app)[-3:]


async def test_s_goes_from_column_to_column_and_a_click_on_a_title_sorts_by_it() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        await pilot.press("s")
        assert "UTIL↓" in screen_text(app) or "NODE↑" in screen_text(app) or "GPU↑" in screen_text(app)
        header = next(line for line in screen_text(app).splitlines() if "  POD" in line)
        await pilot.click("#replicas", offset=(header.index("WAIT"), 1))
        await until(pilot, lambda: "WAIT↓" in screen_text(app))
        assert pods(app)[0] == "qwen3-8b-6f9c4-tz7mm"


async def test_a_namespace_is_picked_or_typed_and_0_goes_back_to_all() -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press(*"rese", "enter")
        await until(pilot, lambda: len(app.screen.query("#replicas")) == 1 and len(pods(app)) == 2)
        await pilot.press("0")
        await until(pilot, lambda: len(pods(app)) == 9)
        await pilot.press("colon", *"ns nowhere", "enter")
        await until(pilot, lambda: "no vLLM replicas in namespace nowhere" in screen_text(app))


async def test_the_command_prompt_completes_and_says_what_it_does_not_know() -> None:
    app = app_on()
    async with app.run_test(notifications=True) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"ns re")
        await pilot.pause(0.05)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.namespace == "research")
        await pilot.press("colon", *"frobnicate", "enter")
        await until(pilot, lambda: "no such command: frobnicate" in screen_text(app))


async def test_contexts_come_from_the_kubeconfig_and_the_lab_only_inside_the_lab(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vops.adapters.kube.list_contexts", lambda path: (("blue", "green"), "blue"))
    app = app_on(settings=Settings(context="blue"))
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        options = app.screen.query_one(OptionList)
        assert [options.get_option_at_index(at).value for at in range(options.option_count)] == ["blue", "green"]  # type: ignore[attr-defined]  # options that carry their value


async def test_tab_goes_to_the_workloads_and_keys_act_on_them_there(looking: list[Ref]) -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("tab", "d")
        await until(pilot, lambda: bool(looking))
        assert looking[0].kind == "Deployment"


async def test_a_double_click_opens_the_replica() -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.click("#replicas", offset=(5, 3), times=2)
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen))


@pytest.mark.parametrize(
    ("width", "gone", "kept"),
    [(80, {"node", "gpu", "model", "age"}, {"pod", "state", "util", "kv", "running"}), (220, set(), {"node", "hits"})],
)
async def test_columns_leave_by_importance_when_there_is_no_room(width: int, gone: set[str], kept: set[str]) -> None:
    app = app_on()
    async with app.run_test(size=(width, 30)) as pilot:
        await painted(pilot)
        shown = set(fleet(app).replicas.shown_columns)
        assert shown & gone == set()
        assert shown >= kept


async def test_an_outage_names_what_fails_and_since_when_and_keeps_the_data() -> None:
    app = app_on()
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        broken = builders.sources(SourceState.RETRYING, "connection refused", age_s=95)
        observer.show(builders.with_sources(builders.fleet_snapshot(), broken))
        await until(pilot, lambda: "no fresh pods" in screen_text(app))
        text = screen_text(app)
        assert "since 03:11:10, 1m35s ago" in text
        assert "connection refused" in text
        assert GATED in text
        assert all(row.dim for row in fleet(app).replicas.rows)


async def test_a_forbidden_source_is_named_and_the_rest_goes_on() -> None:
    denied = [
        item if item.source is not Source.EVENTS else builders.status(Source.EVENTS, SourceState.DENIED)
        for item in builders.sources()
    ]
    app = app_on(builders.with_sources(builders.fleet_snapshot(), denied))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        assert "⊘ DENIED events" in screen_text(app)
        assert "● LIVE pods" in screen_text(app)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (SourceState.DENIED, "these credentials may not list pods: no list pods"),
        (SourceState.RETRYING, "pods could not be read yet: no list pods"),
    ],
)
async def test_pods_that_nobody_could_read_are_not_said_to_be_none(state: SourceState, told: str) -> None:
    pods = SourceStatus(Source.PODS, state, None, "no list pods")
    app = app_on(ClusterSnapshot(at=builders.NOW, sources=(pods,)))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        assert told in screen_text(app)
        assert "0 replicas" not in screen_text(app)


async def test_visible_replicas_are_scraped_first() -> None:
    app = app_on()
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    async with app.run_test() as pilot:
        await painted(pilot)
        await until(pilot, lambda: ("research", GATED) in observer.visible)


async def test_a_failed_connection_says_what_to_try_and_r_tries_again() -> None:
    tries: list[Settings] = []

    def opener(settings: Settings) -> builders.Broken:
        tries.append(settings)
        return builders.Broken()

    app = VopsApp(settings=Settings(context="gone"), opener=opener)
    async with app.run_test(size=(120, 34)) as pilot:
        await until(pilot, lambda: "no route to the API server" in screen_text(app))
        assert "try: vops doctor" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: len(tries) == 2)


async def test_a_connection_that_fails_before_the_first_frame_is_told_in_it() -> None:
    app = VopsApp(settings=Settings(context="gone"), opener=lambda settings: builders.Silent())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, FleetScreen) and app.screen.is_drawn)
        fleet = app.screen
        assert isinstance(fleet, FleetScreen)
        fleet._complete = False
        app.on_failed(Failed(Unreachable("no route to it", hint="look at the network"), app.present))
        fleet._paint_first()
        await until(pilot, lambda: "next: look at the network" in screen_text(app))


@pytest.mark.parametrize(("rows", "workloads"), [(10, 0), (13, 0), (14, 1), (16, 3), (24, 4)])
async def test_in_few_rows_replicas_come_before_workloads(rows: int, workloads: int) -> None:
    app = app_on()
    async with app.run_test(size=(80, rows)) as pilot:
        await painted(pilot)
        fleet = app.screen
        assert isinstance(fleet, FleetScreen)
        assert (fleet.workloads.size.height - 1 if fleet.workloads.display else 0) == workloads
        assert fleet.replicas.size.height - 1 >= 2


async def test_a_context_switch_does_not_wait_for_the_old_connection() -> None:
    opened: list[Settings] = []
    app = app_on()
    app._opener = partial(builders.broken, opened)
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("colon", *"ctx green", "enter")
        await until(pilot, lambda: [each.context for each in opened] == ["green"])
        assert app.picture is None


async def test_q_quits() -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("q")
        await pilot.pause()
    assert app.return_code == 0


async def test_a_picture_that_comes_while_the_app_closes_is_nobodys() -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        picture = app.picture
        assert picture is not None
    assert not app.screen_stack
    app.on_pictured(Pictured(picture, app._connection))


async def test_readonly_and_lab_are_told_in_the_header() -> None:
    app = app_on(cluster=builders.StubCluster(readonly=True), settings=Settings(lab="healthy"))
    async with app.run_test() as pilot:
        await painted(pilot)
        header = screen_text(app).splitlines()[0]
        assert "LAB" in header
        assert "READ-ONLY" in header


async def test_an_age_grows_although_nothing_arrives() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        clock = app._clock
        assert isinstance(clock, builders.FrozenClock)
        clock.at += timedelta(seconds=60)
        fleet(app).tick()
        await pilot.pause()
        assert "03:13:45 UTC" in screen_text(app)


async def test_z_unfolds_groups_and_the_fleet_document_has_the_rows_of_the_table() -> None:
    labels = {"llm-d.ai/model": "qwen"}
    pods = [builders.pod(f"{role}-6f9c4-a", labels={"llm-d.ai/role": role, **labels}) for role in ("prefill", "decode")]
    app = app_on(ClusterSnapshot(at=builders.NOW, sources=builders.sources(), pods=tuple(pods)))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        assert [row.name for row in fleet(app).replicas.rows] == ["qwen · 1 prefill + 1 decode"]
        await pilot.press("z")
        assert sorted(pods_ := [row.pod for row in fleet(app).replicas.rows]) == ["decode-6f9c4-a", "prefill-6f9c4-a"]
        assert app.picture is not None
        document = view_document(app.picture.view)
        assert sorted(pods_) == sorted(row["pod"] for row in document["replicas"])


async def test_the_table_and_fleet_json_cannot_disagree() -> None:
    app = app_on()
    async with app.run_test(size=(200, 50)) as pilot:
        await painted(pilot)
        await until(pilot, lambda: "gated-model" in screen_text(app))
        assert app.picture is not None
        document = fleet_document(app.picture.facts)
        by_pod = {row["pod"]: row for row in document["replicas"]}
        for row in fleet(app).replicas.rows:
            said = by_pod[row.pod]
            shown = row_document(row)
            told = {"findings", "cause", "note"}  # what a diagnosis adds while one looks on
            assert {name: shown[name] for name in shown.keys() - told} == {n: said[n] for n in said.keys() - told}


async def test_a_past_is_drawn_beside_the_number() -> None:
    app = app_on()
    observer = app._connection.observer
    assert isinstance(observer, builders.StubObserver)
    async with app.run_test(size=(200, 50)) as pilot:
        await painted(pilot)
        for at, kv in enumerate((0.2, 0.9, 0.6), 1):
            busy = builders.fleet_snapshot()
            fresh = tuple(
                builders.samples(pod, kv=kv, running=1, age_s=0.5 / at)
                for pod in busy.pods
                if pod.metadata.name in ("qwen3-8b-6f9c4-k2x8p",)
            )
            observer.show(msgspec.structs.replace(busy, samples=fresh))
            await until(pilot, partial(shows, app, f"{kv:.0%}"))
        row = next(line for line in screen_text(app).splitlines() if "k2x8p" in line)
        assert "▂▇▅" in row


async def test_the_line_about_a_slow_replica_says_why_it_is_slow() -> None:
    app = app_on()
    async with app.run_test(size=(160, 40)) as pilot:
        await painted(pilot)
        await pilot.press("slash", *"tz7mm", "enter")
        await until(pilot, lambda: "slow: queue: first token 4.9 s" in screen_text(app))
        assert "a long queue" not in screen_text(app)
        await pilot.press("slash", *["backspace"] * 5, *"9wq4d", "enter")
        await until(pilot, lambda: "prod/qwen3-8b-6f9c4-9wq4d" in screen_text(app))
        assert "slow" not in screen_text(app)
