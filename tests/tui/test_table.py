"""The table: what it draws of its rows, and where its cursor is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from vops.render.cells import Cell, Column
from vops.render.text import Span, Tone
from vops.tui.widgets.table import Table


class Row(msgspec.Struct, frozen=True):
    key: str
    value: float | None = None
    dim: bool = False
    remark: Span | None = None


COLUMNS: tuple[Column[Row], ...] = (
    Column("name", "NAME", 6, lambda row: Cell(row.key), lambda row: row.key, limit=20),
    Column("value", "VALUE", 6, lambda row: Cell("–" if row.value is None else f"{row.value:.0%}", level=row.value),
           lambda row: row.value, right=True, load=True, bar=5),
    Column("more", "MORE", 6, lambda row: Cell("more"), lambda row: 0, rank=3, load=True),
)  # fmt: skip


class TableApp(App[None]):
    CSS_PATH = "../../vops/tui/app.tcss"

    def __init__(self) -> None:
        super().__init__()
        from vops.tui.theme import NIGHT

        self.register_theme(NIGHT)
        self.theme = NIGHT.name
        self.opened: list[str] = []

    def compose(self) -> ComposeResult:
        yield Table[Row](COLUMNS)

    @property
    def table(self) -> Table[Row]:
        return self.query_one(Table)

    def on_table_opened(self, event: Table.Opened) -> None:
        self.opened.append(event.key)

    def text(self, line: int) -> str:
        self.table.render_lines(self.table.size.region)
        return self.table.render_line(line).text.rstrip()


def rows(names: Sequence[str]) -> list[Row]:
    return [Row(name, 0.5) for name in names]


async def test_the_cursor_follows_its_row_and_not_its_place() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(rows("abcd"))
        await pilot.press("down", "down")
        app.table.show(rows("dcba"))
        await pilot.pause()
        assert app.table.current == Row("c", 0.5)


async def test_when_its_row_goes_the_cursor_stays_where_it_was() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(rows("abcd"))
        await pilot.press("down")
        app.table.show(rows("acd"))
        await pilot.pause()
        assert app.table.current == Row("c", 0.5)


async def test_an_empty_table_has_no_current_row_and_says_why() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show([], placeholder=[(Span("nothing here"),)])
        await pilot.press("down", "pagedown", "end", "home")
        assert app.table.current is None
        assert "nothing here" in app.text(2)


@pytest.mark.parametrize(("key", "at"), [("end", 99), ("G", 99), ("j", 1), ("pagedown", 22), ("g", 0), ("k", 0)])
async def test_keys_move_the_cursor_and_keep_it_on_the_screen(key: str, at: int) -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(rows([f"row{number:02}" for number in range(100)]))
        await pilot.press(key)
        await pilot.pause()
        current = app.table.current
        assert current is not None
        assert current.key == f"row{at:02}"
        assert current in app.table.visible_rows()


async def test_a_column_of_little_rank_leaves_first_and_bars_come_only_where_there_is_room() -> None:
    app = TableApp()
    async with app.run_test(size=(18, 10)) as pilot:
        app.table.show(rows("ab"))
        await pilot.pause()
        assert app.table.shown_columns == ("name", "value")
        assert "█" not in app.text(1)
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show(rows("ab"))
        await pilot.pause()
        assert "██▌" in app.text(1)


async def test_an_unknown_level_draws_no_bar() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show([Row("a")])
        await pilot.pause()
        assert app.text(1).split() == ["▌", "a", "–", "more"]


async def test_a_remark_takes_the_place_of_numbers_that_do_not_exist() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show([Row("a", remark=Span("it does not start", Tone.BAD))])
        await pilot.pause()
        assert "it does not start" in app.text(1)
        assert "more" not in app.text(1)


async def test_a_click_moves_and_a_double_click_opens() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(rows("abcd"))
        await pilot.click(Table, offset=(3, 3))
        assert app.table.current == Row("c", 0.5)
        await pilot.click(Table, offset=(3, 2), times=2)
        await pilot.pause()
        assert app.opened == ["b"]


async def test_a_picture_draws_again_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show(rows("abcd"))
        await pilot.pause()
        drawn: list[tuple[Region, ...]] = []
        monkeypatch.setattr(app.table, "refresh", lambda *regions, **_: drawn.append(regions))
        app.table.show(rows("abcd"))
        assert drawn == []
        app.table.show([*rows("ab"), Row("c", 0.9), *rows("d")])
        assert [(region.y, region.height) for (region,) in drawn] == [(3, 1)]
        assert 0 < drawn[0][0].x < drawn[0][0].right < 30


@pytest.mark.parametrize("options", [{"sorted_by": ("name", False)}, {"columns": COLUMNS[:2]}, {"wanted": {"name": 9}}])
async def test_what_is_arranged_otherwise_is_drawn_in_full(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show(rows("abcd"))
        await pilot.pause()
        drawn: list[tuple[Region, ...]] = []
        monkeypatch.setattr(app.table, "refresh", lambda *regions, **_: drawn.append(regions))
        app.table.show(rows("abcd"), **options)
        assert () in drawn


async def test_a_cell_is_made_once_for_each_showing_however_often_it_is_drawn() -> None:
    made: list[str] = []

    def cell(row: Row) -> Cell:
        made.append(row.key)
        return Cell(row.key)

    column = Column("name", "NAME", 6, cell, lambda row: row.key)
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show(rows("abcd"), columns=(column,))
        await pilot.pause()
        made.clear()
        await pilot.press("down", "down", "up")
        assert made == []
        app.table.show(rows("abcd"), columns=(column,))
        await pilot.press("down")
        assert sorted(made) == ["a", "b", "c", "d"]
        made.clear()
        await pilot.resize_terminal(50, 10)
        await pilot.pause()
        assert sorted(made) == ["a", "b", "c", "d"]


async def test_a_row_that_moved_is_drawn_where_it_was_and_where_it_is() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show(rows("abcd"))
        await pilot.press("down")
        app.table.show(rows("bacd"))
        await pilot.pause()
        app.table.show(rows("bac"))
        await pilot.pause()
        lines = [strip.text.strip() for strip in app.screen._compositor.render_strips()]
        assert [line.split()[:2] for line in lines[1:4]] == [["▌", "b"], ["a", "██▌"], ["c", "██▌"]]
        assert not lines[4].strip()
