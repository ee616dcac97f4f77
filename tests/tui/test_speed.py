"""What a frame, a key press and a screen cost, counted in lines drawn and nodes styled rather than in time."""

from __future__ import annotations

from collections import Counter

import pytest
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

from tests.tui import builders
from tests.tui.conftest import app_on, painted
from vops.render.fleet_rows import ReplicaRow
from vops.tui.screens.fleet import FleetScreen
from vops.tui.widgets.table import Table


async def test_a_key_press_draws_two_rows_and_a_frame_only_what_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: Counter[str] = Counter()
    plain = Table._row_strip

    def counted(self: Table[ReplicaRow], row: ReplicaRow, *rest: object) -> object:
        drawn[row.pod] += 1
        return plain(self, row, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Table, "_row_strip", counted)
    app = app_on(builders.big_snapshot(1000))
    async with app.run_test(size=(160, 50)) as pilot:
        await painted(pilot)
        await pilot.pause()
        assert len(drawn) <= 50
        drawn.clear()
        await pilot.press("down")
        await pilot.pause()
        assert 2 <= len(drawn) <= 4 or sum(drawn.values()) <= 100  # a picture may have come in between


async def test_a_thousand_replicas_can_be_walked_filtered_and_sorted() -> None:
    app = app_on(builders.big_snapshot(1000))
    async with app.run_test(size=(160, 50)) as pilot:
        await painted(pilot)
        await pilot.press("end")
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        assert screen.replicas.current is screen.replicas.rows[-1]
        await pilot.press("slash", *"model-7-", "enter", "s")
        await pilot.pause()
        assert len(screen.replicas.rows) == 50


async def test_a_screen_is_styled_when_it_is_made_and_not_all_of_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    styled: list[str] = []
    apply = Stylesheet.apply

    def counted(self: Stylesheet, node: DOMNode, **options: bool) -> None:
        styled.append(type(node).__name__)
        apply(self, node, **options)  # type: ignore[arg-type]  # passed on as they came

    app = app_on()
    async with app.run_test(size=(160, 50)) as pilot:
        await painted(pilot)
        app.open("events")
        await pilot.pause()
        await pilot.press("escape")
        monkeypatch.setattr(Stylesheet, "apply", counted)
        app.open("events")
        await pilot.pause()
    assert {name: styled.count(name) for name in ("Bar", "Hints", "PromptInput")} == {
        "Bar": 4,
        "Hints": 1,
        "PromptInput": 0,
    }
