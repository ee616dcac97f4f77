"""The `:` prompt: it opens every screen and thing by name, completes, remembers, and says what it does not know."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual import events
from textual.color import Color

from tests.tui.conftest import GATED, app_on, painted, screen_text, until
from vops.errors import UsageError
from vops.model.objects import Ref
from vops.settings import Settings, TuiSettings, ViewSettings
from vops.tui import commands
from vops.tui.registry import SCREENS, About, ScreenEntry
from vops.tui.screens.base import OpsScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.logs import LogsScreen
from vops.tui.screens.replica import ReplicaScreen
from vops.tui.theme import Bare
from vops.tui.widgets.prompt import MOST_SHOWN

POD, DEPLOYMENT = Ref("Pod", "llama-0", "prod", "u1"), Ref("Deployment", "llama", "prod", "u2")
THINGS = {About.REPLICA: [POD], About.WORKLOAD: [DEPLOYMENT], About.ANY: [DEPLOYMENT, POD]}


@pytest.mark.parametrize("entry", SCREENS, ids=lambda entry: entry.name)
def test_every_screen_of_the_registry_is_there_and_its_crumb_names_it(entry: ScreenEntry) -> None:
    assert entry.load().crumb


@pytest.mark.parametrize(
    ("typed", "screen", "ref"),
    [
        ("fleet", "fleet", None),
        ("pods", "fleet", None),
        ("fle", "fleet", None),
        ("logs llama-0", "logs", POD),
        ("logs prod/llama-0", "logs", POD),
        ("diagnose deployment/llama", "diagnose", DEPLOYMENT),
        ("llama-0", "replica", POD),
        ("llama", "diagnose", DEPLOYMENT),
        ("logs", "logs", POD),
    ],
)
def test_a_command_opens_a_screen(typed: str, screen: str, ref: Ref | None) -> None:
    asked = commands.parse(typed, THINGS, cursor=POD)
    assert asked.screen is not None
    assert (asked.screen.name, asked.ref) == (screen, ref)


@pytest.mark.parametrize("typed", ["frobnicate", "logs nothing", "logs llama", "replica", "f"])
def test_what_cannot_be_done_is_said_with_what_to_do_instead(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        commands.parse(typed, THINGS)
    assert caught.value.hint


def test_completions_begin_with_what_begins_like_it() -> None:
    words = {"theme": ("night", "colour-blind")}
    assert [item.text for item in commands.candidates("fl", words, THINGS)][:1] == ["fleet"]
    assert [item.text for item in commands.candidates("theme c", words, THINGS)] == ["theme colour-blind"]
    assert [item.text for item in commands.candidates("logs ", words, THINGS)] == ["logs llama-0"]
    words = {"ctx": ("prod-eu", "prod-us")}
    assert [item.text for item in commands.candidates("ctx prod-eu,prod-u", words, THINGS)] == ["ctx prod-eu,prod-us"]


async def test_a_name_opens_its_screen_escape_goes_back_and_the_header_tells_the_way() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *f"{GATED}", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))
        assert f"› fleet › replica › log research/{GATED}" in screen_text(app).splitlines()[0]
        await pilot.press("colon", *"fleet", "enter")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        assert len(app.screen_stack) == 1


async def test_arrows_choose_a_candidate_and_tab_takes_it_over() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"theme", "tab", *"co", "tab", "enter")
        await until(pilot, lambda: app.look == "colour-blind")
        await pilot.press("colon", *"theme ", "down", "down", "enter")
        await until(pilot, lambda: app.look == "day")


@pytest.mark.parametrize("rows", [14, 16, 20, 34])
async def test_what_is_typed_and_the_chosen_candidate_are_seen_however_few_rows_there_are(rows: int) -> None:
    app = app_on()
    async with app.run_test(size=(100, rows)) as pilot:
        await painted(pilot)
        await pilot.press("colon", "n")
        await until(pilot, lambda: " : n" in screen_text(app))
        await pilot.press(*["down"] * MOST_SHOWN)
        await until(pilot, lambda: " ▌ " in screen_text(app))
        assert " : n" in screen_text(app)


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize("rows", [12, 24])
@pytest.mark.parametrize("name", ["replica", "workload"])
async def test_candidates_are_seen_over_panes_too(name: str, rows: int) -> None:
    app = app_on()
    async with app.run_test(size=(80, 24)) as pilot:
        await painted(pilot)
        await pilot.press("tab" if name == "workload" else "g", "enter")
        await until(pilot, lambda: isinstance(app.screen, OpsScreen) and app.screen.crumb == name)
        await pilot.resize_terminal(80, rows)
        await pilot.press("colon", "s", "down")
        await until(pilot, lambda: " ▌ " in screen_text(app))
        assert " : s" in screen_text(app)


@pytest.mark.parametrize("sign", ["slash", "colon"])
async def test_what_is_typed_in_a_hurry_is_typed_and_no_command(sign: str) -> None:
    """All keys are there before the first of them is looked at: `q` quits, `n` and `c` open boxes."""
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        for key in (sign, *"qwenc"):
            app.post_message(events.Key(key, {"slash": "/", "colon": ":"}.get(key, key)))
        fleet = app.screen
        assert isinstance(fleet, FleetScreen)
        await until(pilot, lambda: fleet.prompt.is_open and fleet.prompt._field.value == "qwenc")
        assert app.is_running
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, OpsScreen) or not app.screen.prompt.is_open)
        assert isinstance(app.screen, FleetScreen)


async def test_keys_after_the_one_that_quits_do_nothing() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        for key in "qnc":
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0


async def test_up_recalls_what_was_typed_before() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        await pilot.press("colon", *"ns research", "enter")
        await until(pilot, lambda: app.namespace == "research")
        await pilot.press("colon", *"ns", "enter")
        await until(pilot, lambda: not app.namespace)
        await pilot.press("colon", "up", "up", "enter")
        await until(pilot, lambda: app.namespace == "research")
        await pilot.press("colon", "up", "up", "down", "down", "escape")
        assert app.commander.history == ["ns", "ns research"]


async def test_number_keys_go_to_favourite_namespaces() -> None:
    app = app_on()
    async with app.run_test() as pilot:
        await painted(pilot)
        await pilot.press("2")
        await until(pilot, lambda: app.namespace == "research")
        await pilot.press("1")
        await until(pilot, lambda: app.namespace == "prod")
    chosen = app_on(settings=Settings(tui=TuiSettings(favourites=("research",))))
    async with chosen.run_test(notifications=True) as pilot:
        await painted(pilot)
        await pilot.press("1")
        await until(pilot, lambda: chosen.namespace == "research")
        await pilot.press("5")
        await until(pilot, lambda: "no favourite namespace 5" in screen_text(chosen))


async def test_keys_and_columns_are_those_of_the_settings_and_of_the_view_of_the_context() -> None:
    tui = TuiSettings(
        keymap={"fleet.logs": "L"},
        columns={"fleet": ("pod", "state", "kv")},
        views=(ViewSettings(contexts="eu", columns={"fleet": ("pod", "waiting")}, density="compact"),),
    )
    app = app_on(settings=Settings(tui=tui))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        assert screen.table.shown_columns == ("pod", "waiting")
        assert app.compact
        await pilot.press("colon", *"columns pod,node", "enter")
        await until(pilot, lambda: screen.table.shown_columns == ("pod", "node"))
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen))


async def test_a_production_context_has_a_banner() -> None:
    app = app_on()
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        assert "▲ PROD" in screen_text(app).splitlines()[0]
    lab = app_on(settings=Settings(tui=TuiSettings(prod_contexts=())))
    async with lab.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        assert "PROD" not in screen_text(lab)


async def test_the_ascii_theme_draws_ascii_alone() -> None:
    app = app_on(settings=Settings(tui=TuiSettings(theme="ascii")))
    async with app.run_test(size=(120, 34)) as pilot:
        await painted(pilot)
        svg = app.export_screenshot()
        assert "crash-looping" in svg
        assert "●" not in svg
        assert svg.isascii()
        assert "enter" in svg, "no key is called `?` but the one that is"


def test_dots_are_drawn_as_marks_that_are_as_full() -> None:
    drawn = Bare().apply([Segment("\u2800\u2840\u28ff↟")], Color.parse("black"))
    assert drawn[0].text == " .@?"
