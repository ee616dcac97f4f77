"""Dialogs answer once, however often they are told to: keys and clicks may be on their way when one is gone."""

from __future__ import annotations

import pytest

from tests.tui.conftest import app_on, painted, until
from vops.tui.screens.confirm import ConfirmScreen
from vops.tui.screens.fleet import FleetScreen
from vops.tui.screens.replica import ReplicaScreen


@pytest.mark.parametrize("beneath", [FleetScreen, ReplicaScreen])
async def test_a_second_answer_that_was_on_its_way_leaves_the_screen_beneath(beneath: type) -> None:
    app = app_on()
    answers: list[bool | None] = []
    async with app.run_test() as pilot:
        await painted(pilot)
        if beneath is ReplicaScreen:
            await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, beneath))
        asked = ConfirmScreen("Really?", [], "Apply")
        app.push_screen(asked, answers.append)
        await until(pilot, lambda: app.screen is asked)
        asked.dismiss(True)
        asked.dismiss(False)
        await pilot.pause()
        assert isinstance(app.screen, beneath)
        assert answers == [True]
