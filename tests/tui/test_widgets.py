"""Lines, bars and the log pane: folding, cutting, and what a flood of lines costs."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

from vops.render.text import Line, Span, Tone, cell_width, plain
from vops.tui.theme import NIGHT
from vops.tui.widgets.bar import Bar
from vops.tui.widgets.lines import Lines, fold
from vops.tui.widgets.log import LogPane
from vops.tui.widgets.tones import drawable


class WidgetApp(App[None]):
    CSS_PATH = "../../vops/tui/app.tcss"

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.register_theme(NIGHT)
        self.theme = NIGHT.name
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


@pytest.mark.parametrize(
    ("spans", "folded"),
    [
        ((Span("short"),), ["short"]),
        ((Span("one two three four"),), ["one two ", "  three ", "  four"]),
        ((Span("  indented text goes on"),), ["  indented", "    text ", "    goes on"]),
        ((Span("3s ago  "), Span("pulled it all")), ["3s ago  ", "     pulled", "     it all"]),
        ((Span("abcdefghijklmnop"),), ["abcdefghi", "  jklmnop"]),
    ],
)
def test_a_long_line_is_folded_at_words_with_a_hanging_indent(spans: Line, folded: list[str]) -> None:
    assert [row.rstrip() for row in plain(fold(spans, 11)).splitlines()] == [row.rstrip() for row in folded]


@pytest.mark.parametrize("width", [1, 2, 7, 20, 80])
def test_no_folded_row_is_wider_than_asked(width: int) -> None:
    spans = (Span("  see "), Span("漢字かな交じり文 " * 5, Tone.WARN), Span("x" * 300))
    assert max(sum(cell_width(span.text) for span in row) for row in fold(spans, width)) <= max(width, 3)


def test_what_is_drawn_has_no_tabs_line_ends_or_controls() -> None:
    assert drawable("a\tb\nc\x1b[0m") == "a   b c\ufffd[0m"
    assert drawable("y" * 5000).endswith("… 1,000 more characters")


async def test_a_bar_cuts_its_left_side_and_says_so() -> None:
    app = WidgetApp(bar := Bar())
    async with app.run_test(size=(20, 3)) as pilot:
        bar.show((Span("a rather long thing to say"),), (Span("right"),))
        await pilot.pause()
        assert bar.render_line(0).text == "a rather long… right"


async def test_lines_keep_the_readers_place_when_they_change() -> None:
    app = WidgetApp(lines := Lines())
    async with app.run_test(size=(40, 10)) as pilot:
        lines.show([(Span(f"line {number}"),) for number in range(100)])
        await pilot.pause()
        lines.scroll_to(y=20, animate=False)
        await pilot.pause()
        before = lines.scroll_offset.y
        lines.show([(Span(f"other {number}"),) for number in range(100)])
        await pilot.pause()
        assert before == 20
        assert lines.scroll_offset.y == before


async def test_a_flood_of_log_lines_is_bounded_and_says_what_it_dropped() -> None:
    app = WidgetApp(pane := LogPane(kept=1000))
    async with app.run_test(size=(60, 10)) as pilot:
        pane.feed(f"line {number}" for number in range(25_000))
        pane.flush()
        await pilot.pause()
        assert (len(pane.texts), pane.dropped) == (1000, 24_000)
        assert "24,000 older dropped" in str(pane.border_title)
        assert pane.render_line(9).text.strip() == "line 24999"


async def test_a_log_is_followed_unless_the_reader_has_scrolled_up() -> None:
    app = WidgetApp(pane := LogPane())
    async with app.run_test(size=(60, 10)) as pilot:
        pane.focus()
        pane.feed(f"line {number}" for number in range(100))
        pane.flush()
        await pilot.pause()
        await pilot.press("home")
        await pilot.pause()
        pane.feed(["newest"])
        pane.flush()
        await pilot.pause()
        assert pane.scroll_offset.y == 0
        await pilot.press("end")
        pane.feed(["newer still"])
        await pilot.pause()
        pane.flush()
        await pilot.pause()
        assert pane.is_vertical_scroll_end


async def test_a_log_is_still_followed_when_the_terminal_shrinks() -> None:
    app = WidgetApp(pane := LogPane())
    async with app.run_test(size=(60, 20)) as pilot:
        pane.feed(f"line {number}" for number in range(100))
        pane.flush()
        await pilot.pause()
        await pilot.resize_terminal(60, 8)
        await pilot.pause()
        assert pane.is_vertical_scroll_end


async def test_a_narrow_log_leaves_out_what_says_least_until_it_is_asked_for() -> None:
    app = WidgetApp(pane := LogPane())
    async with app.run_test(size=(80, 6)) as pilot:
        pane.focus()
        pane.feed(["(APIServer pid=1) INFO 11-28 04:24:45 [loggers.py:273] Engine 000: running"])
        pane.flush()
        assert pane.render_line(0).text.strip() == "INFO 04:24:45 APIServer Engine 000: running"
        await pilot.press("W")
        assert "pid=1" in pane.render_line(0).text
        await pilot.press("W")
        assert "pid=1" not in pane.render_line(0).text
    assert pane.texts[0].startswith("(APIServer pid=1)")


async def test_a_log_that_gets_room_is_whole_again() -> None:
    app = WidgetApp(pane := LogPane())
    async with app.run_test(size=(80, 6)) as pilot:
        pane.feed(["(APIServer pid=1) INFO 11-28 04:24:45 [loggers.py:273] Engine 000: running"])
        pane.flush()
        assert "pid=1" not in pane.render_line(0).text
        await pilot.resize_terminal(120, 6)
        await pilot.pause()
        assert "pid=1" in pane.render_line(0).text


async def test_a_line_that_goes_on_ends_in_an_ellipsis() -> None:
    app = WidgetApp(lines := Lines(wrap=False))
    async with app.run_test(size=(20, 5)) as pilot:
        lines.show([(Span("x" * 40),), (Span("y" * 20),)])
        await pilot.pause()
        assert [lines.render_line(y).text.rstrip() for y in (0, 1)] == ["x" * 19 + "…", "y" * 20]


async def test_what_changes_while_it_is_hidden_is_there_when_it_is_seen_again() -> None:
    app = WidgetApp(lines := Lines())
    async with app.run_test(size=(40, 8)) as pilot:
        lines.show([(Span("before"),)])
        await pilot.pause()
        lines.display = False
        await pilot.pause()
        lines.show([(Span("after"),)])
        lines.display = True
        await pilot.pause()
        assert lines.render_line(0).text.strip() == "after"


async def test_no_text_is_lost_behind_the_scroll_bar() -> None:
    app = WidgetApp(lines := Lines())
    text = " ".join(f"word{number}" for number in range(200))
    async with app.run_test(size=(40, 8)) as pilot:
        lines.show([(Span(text),)])
        await pilot.pause()
        width = lines.scrollable_content_region.width
        shown = [lines.render_line(y).crop(0, width).text for y in range(6)]
    assert lines.show_vertical_scrollbar
    assert " ".join(" ".join(shown).split()) in text
