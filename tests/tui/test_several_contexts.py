"""Several contexts in one table: each with its own state, and what is asked of a row is asked of its context."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import screen_text, until
from vops.adapters.kube import KubeCluster
from vops.adapters.vllm import VllmEngine
from vops.errors import Refused, Unreachable, UsageError
from vops.lab.clock import LabClock
from vops.lab.world import Lab
from vops.model.objects import Ref
from vops.model.resources import DEPLOYMENTS, Workload
from vops.operations.fix import plan_fix
from vops.operations.running.run import run_plan
from vops.operations.running.runs import Ending
from vops.operations.session import Session, open_session
from vops.render.placed import context_of
from vops.settings import Settings
from vops.tui.app import VopsApp
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.pick import PickScreen
from vops.tui.screens.replica import ReplicaScreen

TAINT, IMAGE = "untolerated-taint", "image-not-found"


class Labs:
    """Two labs in one time, and sessions on them by name."""

    def __init__(self) -> None:
        self.clock = LabClock()
        self.by_name: dict[str, Lab] = {}
        self.refused: set[str] = set()

    async def start(self, *names: str) -> None:
        for name in names:
            self.by_name[name] = await Lab.start(name, clock=self.clock)

    async def stop(self) -> None:
        for lab in self.by_name.values():
            await lab.stop()

    @asynccontextmanager
    async def open(self, settings: Settings) -> AsyncIterator[Session]:
        name = settings.lab
        if name in self.refused:
            raise Unreachable(f"{name} does not answer", hint="look at the network")
        lab = self.by_name[name]
        cluster = KubeCluster.at(lab.url, lab.token, context=name, namespace="inference", readonly=settings.readonly)
        engine = VllmEngine(cluster.proxy, now=self.clock.now)
        try:
            yield Session(cluster, engine, engine, None, self.clock, settings, lab.hub_url)
        finally:
            await cluster.close()

    async def pass_until(self, pilot: Pilot[Any], claim: Callable[[], bool], limit_s: float = 900) -> None:
        """Lets the time of all labs go on until `claim` holds."""
        ends = self.clock.time() + limit_s
        while not claim():
            assert self.clock.time() < ends, screen_text(pilot.app)
            first, *others = self.by_name.values()
            await first.advance(0.5)
            for lab in others:
                lab.world.run_until(self.clock.time())
            await asyncio.sleep(0.01)
        await pilot.pause()


@asynccontextmanager
async def looking_at(labs: Labs, tmp_path: Any, *names: str) -> AsyncIterator[tuple[VopsApp, Pilot[Any]]]:
    app = VopsApp(settings=Settings(lab=",".join(names), state_dir=str(tmp_path)), opener=labs.open)
    async with app.run_test(size=(150, 34)) as pilot:
        yield app, pilot


@pytest.fixture
async def labs() -> AsyncIterator[Labs]:
    found = Labs()
    await found.start(TAINT, IMAGE)
    yield found
    await found.stop()


def fleet(app: VopsApp) -> FleetScreen:
    assert isinstance(app.screen, FleetScreen)
    return app.screen


def contexts(app: VopsApp) -> set[str]:
    return {context_of(row) for row in fleet(app).replicas.rows}


def both(app: VopsApp) -> bool:
    return isinstance(app.screen, FleetScreen) and app.screen.is_drawn and contexts(app) == {TAINT, IMAGE}


async def test_replicas_of_both_stand_in_one_table_and_the_header_follows_the_cursor(labs: Labs, tmp_path: Any) -> None:
    async with looking_at(labs, tmp_path, TAINT, IMAGE) as (app, pilot):
        await labs.pass_until(pilot, lambda: both(app) and len(fleet(app).replicas.rows) == 4)
        assert "CONTEXT" in screen_text(app)
        assert len({row.key for row in fleet(app).replicas.rows}) == 4
        for name in (TAINT, IMAGE):
            await pilot.press("slash", *name, "enter")
            await until(pilot, lambda: contexts(app) == {name})  # noqa: B023 - waited for in this turn
            await until(pilot, lambda: f"lab · {name} (of 2)" in screen_text(app))  # noqa: B023
            await pilot.press("escape")
            await until(pilot, lambda: both(app))


async def test_one_that_goes_down_is_told_and_does_not_hide_the_other_and_comes_back(labs: Labs, tmp_path: Any) -> None:
    async with looking_at(labs, tmp_path, TAINT, IMAGE) as (app, pilot):
        await labs.pass_until(pilot, lambda: both(app) and f"● {IMAGE} LIVE" in screen_text(app))
        await labs.by_name[IMAGE].server.outage()
        await labs.pass_until(pilot, lambda: f"↻ {IMAGE}: no fresh" in screen_text(app))
        assert f"● {TAINT} LIVE" in screen_text(app)
        assert contexts(app) == {TAINT, IMAGE}
        await labs.by_name[IMAGE].server.start()
        await labs.pass_until(pilot, lambda: f"● {IMAGE} LIVE" in screen_text(app))
        assert "no fresh" not in screen_text(app)


@pytest.mark.parametrize("first", [TAINT, IMAGE])
async def test_one_that_cannot_be_opened_does_not_hide_the_other_and_r_tries_it_again(
    labs: Labs, tmp_path: Any, first: str
) -> None:
    labs.refused.add(IMAGE)
    names = (TAINT, IMAGE) if first == TAINT else (IMAGE, TAINT)
    async with looking_at(labs, tmp_path, *names) as (app, pilot):
        await labs.pass_until(pilot, lambda: contexts(app) == {TAINT} and f"✗ {IMAGE}" in screen_text(app))
        assert f"{IMAGE} does not answer" in screen_text(app)
        labs.refused.clear()
        await pilot.press("r")
        await labs.pass_until(pilot, lambda: both(app) and f"✗ {IMAGE}" not in screen_text(app))


async def test_a_fix_is_planned_confirmed_and_written_in_the_context_of_its_row(labs: Labs, tmp_path: Any) -> None:
    async with looking_at(labs, tmp_path, TAINT, IMAGE) as (app, pilot):
        await labs.pass_until(pilot, lambda: both(app) and len(fleet(app).replicas.rows) == 4)
        before = {name: await images(lab) for name, lab in labs.by_name.items()}
        await pilot.press("slash", *f"{IMAGE}.*llama", "enter")
        await until(pilot, lambda: len(fleet(app).replicas.rows) == 1)
        await pilot.press("f")
        await labs.pass_until(pilot, lambda: "a applies it" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert f"context    {IMAGE}" in screen_text(app)
        await pilot.press("right", "enter")
        await labs.pass_until(pilot, lambda: app.run_going is not None and app.run_going.ended)
        assert app.run_going is not None
        assert app.run_going.result is not None
        assert app.run_going.result.outcome is Ending.FIXED
        assert await images(labs.by_name[TAINT]) == before[TAINT]
        assert await images(labs.by_name[IMAGE]) != before[IMAGE]


async def images(lab: Lab) -> dict[str, str]:
    """The image of every Deployment of a lab."""
    cluster = KubeCluster.at(lab.url, lab.token, namespace="inference")
    try:
        found = (await cluster.list(DEPLOYMENTS, "inference")).items
    finally:
        await cluster.close()
    loads = [item for item in found if isinstance(item, Workload)]
    return {item.metadata.name: item.spec.template.spec.containers[0].image for item in loads}


async def test_a_screen_about_one_replica_stays_in_its_context(labs: Labs, tmp_path: Any) -> None:
    async with looking_at(labs, tmp_path, TAINT, IMAGE) as (app, pilot):
        await labs.pass_until(pilot, lambda: both(app) and len(fleet(app).replicas.rows) == 4)
        await pilot.press("slash", *f"{IMAGE}.*llama", "enter")
        await until(pilot, lambda: len(fleet(app).replicas.rows) == 1)
        await pilot.press("enter")
        await labs.pass_until(pilot, lambda: isinstance(app.screen, ReplicaScreen) and "Findings 1" in screen_text(app))
        await labs.pass_until(pilot, lambda: app.now().timestamp() % 10 > 9)
        assert app.session is not None
        assert app.session.cluster.context == IMAGE
        assert "gone" not in screen_text(app)


async def test_back_in_time_all_of_them_are_shown_as_they_were_then(labs: Labs, tmp_path: Any) -> None:
    async with looking_at(labs, tmp_path, TAINT, IMAGE) as (app, pilot):
        await labs.pass_until(pilot, lambda: both(app) and len(fleet(app).replicas.rows) == 4)
        await pilot.press("slash", *f"{TAINT}.*llama", "enter")
        await until(pilot, lambda: len(fleet(app).replicas.rows) == 1)
        await pilot.press("escape")
        await labs.pass_until(pilot, lambda: len(app.present.frames) > 2)
        store = labs.by_name[IMAGE].store
        store.delete("apps/v1", "Deployment", "inference", "llama3-8b")
        await labs.pass_until(pilot, lambda: len(fleet(app).replicas.rows) == 3)
        assert app.present.settings.lab == TAINT
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: len(fleet(app).replicas.rows) == 4)
        assert contexts(app) == {TAINT, IMAGE}
        assert "what is shown was at" in screen_text(app)
        await pilot.press("slash", *f"{IMAGE}.*llama", "enter")
        await until(pilot, lambda: len(fleet(app).replicas.rows) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplicaScreen) and app.screen.is_drawn)
        assert app.present.settings.lab == IMAGE
        await until(pilot, lambda: "image-not-found" in screen_text(app))
        await pilot.press("escape", "escape", "full_stop")
        await until(pilot, lambda: len(fleet(app).replicas.rows) == 3)


async def test_contexts_are_marked_in_the_picker(labs: Labs, tmp_path: Any) -> None:
    async with looking_at(labs, tmp_path, TAINT) as (app, pilot):
        await labs.pass_until(pilot, lambda: app.picture is not None and "Replicas 2" in screen_text(app))
        assert "CONTEXT" not in screen_text(app)
        app.push_screen(
            PickScreen("Contexts", [(f"lab:{name}", name) for name in (TAINT, IMAGE)], "", several=True),
            app._context_picked,
        )
        await pilot.pause()
        await pilot.press("tab", "down", "tab", "enter")
        await labs.pass_until(pilot, lambda: both(app))
        assert app.settings.lab == f"{TAINT},{IMAGE}"


async def test_a_command_is_about_one_context() -> None:
    with pytest.raises(UsageError, match="one context at a time"):
        async with open_session(Settings(context="a,b")):
            raise AssertionError("it opened")


async def agreed(_: object) -> bool:
    return True


async def test_a_plan_for_one_lab_is_not_carried_out_on_another(tmp_path: Any) -> None:
    state = str(tmp_path)
    async with open_session(Settings(lab=TAINT, state_dir=state)) as session:
        made = await plan_fix(session, Ref("Deployment", "llama3-8b", "inference"))
        assert made.plan is not None
        assert made.plan.cluster.context == f"lab:{TAINT}"
    async with open_session(Settings(lab=IMAGE, state_dir=state)) as other:
        with pytest.raises(Refused, match=f"is for the cluster of context 'lab:{TAINT}'") as raised:
            await run_plan(other, made.plan, approve=agreed)
    assert raised.value.hint == f"use --lab {TAINT}"
