"""The line of key hints: what it names, and what the mouse does there."""

from __future__ import annotations

from textual import events
from textual.pilot import Pilot

from tests.tui.conftest import app_on, painted, until
from vops.tui.app import VopsApp
from vops.tui.screens.help import HelpScreen
from vops.tui.widgets.hints import Hint, Hints


def hints_of(app: VopsApp) -> Hints:
    return app.screen.query_one(Hints)


def column(hints: Hints, text: str) -> int:
    return hints.render_line(0).text.index(text)


async def shown(pilot: Pilot[None], app: VopsApp) -> Hints:
    await painted(pilot)
    await until(pilot, lambda: bool(hints_of(app).seen))
    return hints_of(app)


async def test_each_key_is_named_once_and_those_cut_off_are_not_seen() -> None:
    app = app_on()
    async with app.run_test(size=(60, 24)) as pilot:
        hints = await shown(pilot, app)
        line, names = hints.render_line(0).text, [hint.shown for hint in hints.seen]
        assert len(set(names)) == len(names)
        assert all(f"{hint.shown} {hint.text}" in line for hint in hints.seen)
        assert "Quit" not in [hint.text for hint in hints.seen]
        await pilot.resize_terminal(200, 24)
        await until(pilot, lambda: "Quit" in [hint.text for hint in hints_of(app).seen])


async def test_a_click_presses_the_key() -> None:
    app = app_on()
    async with app.run_test(size=(200, 24)) as pilot:
        hints = await shown(pilot, app)
        await pilot.click(Hints, offset=(column(hints, "Help"), 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def turn(pilot: Pilot[None], hints: Hints, event: type[events.MouseEvent]) -> None:
    for _ in range(20):
        hints.post_message(event(hints, 5, 0, 0, 0, 0, False, False, False))
    await pilot.pause()


async def test_the_wheel_goes_on_to_the_keys_that_are_cut_off_and_back() -> None:
    app = app_on()
    async with app.run_test(size=(60, 24)) as pilot:
        hints = await shown(pilot, app)
        first = hints.render_line(0).text
        await turn(pilot, hints, events.MouseScrollDown)
        assert hints.render_line(0).text.rstrip().endswith("Quit")
        await turn(pilot, hints, events.MouseScrollUp)
        assert hints.render_line(0).text == first


async def test_what_a_key_does_is_told_in_more_words_under_the_mouse() -> None:
    app = app_on()
    async with app.run_test(size=(200, 24), tooltips=True) as pilot:
        hints = await shown(pilot, app)
        telling = next(hint for hint in hints.seen if hint.tooltip)
        at = column(hints, f"{telling.shown} {telling.text}")
        plain = list(hints.render_line(0))
        await pilot.hover(Hints, offset=(at, 0))
        assert [hints.tooltip] == [telling.tooltip]
        assert list(hints.render_line(0)) != plain
        await pilot.hover("#truth")
        assert [hints.tooltip] == [None]
        assert list(hints.render_line(0)) == plain


async def test_a_key_that_does_nothing_now_is_dim_and_rings() -> None:
    app = app_on()
    async with app.run_test(size=(200, 24)) as pilot:
        hints = await shown(pilot, app)
        hints._hints = (Hint("x", "x", "Stop", False, ""), *hints._hints)
        rung: list[bool] = []
        app.bell = lambda: rung.append(True)  # type: ignore[method-assign]  # watched
        assert all(segment.style and segment.style.dim for segment in list(hints.render_line(0))[1:3])
        await pilot.click(Hints, offset=(2, 0))
        assert rung == [True]
