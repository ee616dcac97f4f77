"""Columns, filters and the arithmetic of fitting them into a width."""

from __future__ import annotations

import pytest

from tests.tui import builders
from vops.diagnosis.facts import Facts
from vops.render.cells import Cell, Column, arrange, cut_middle, ordered, widths
from vops.render.filters import Match, chosen_workloads
from vops.render.fleet_facts import fleet_view
from vops.render.fleet_table import ALL_REPLICA_COLUMNS, REPLICA_COLUMNS, cursor_line, totals_line
from vops.render.text import Tone, plain
from vops.render.units import bar, count, duration, gpu_name, latency, percent, sparkline

NAMES: Column[str] = Column("name", "NAME", 10, Cell, lambda row: row, limit=40, keep_end=True)
SIZES: Column[str] = Column("size", "SIZE", 4, lambda row: Cell(str(len(row))), lambda row: len(row) or None, rank=2)


@pytest.mark.parametrize("width", range(20, 240, 7))
def test_columns_never_take_more_than_there_is(width: int) -> None:
    rows = fleet_view(Facts(builders.fleet_snapshot())).replicas
    placed = arrange(ALL_REPLICA_COLUMNS, width, widths(ALL_REPLICA_COLUMNS, rows))
    last = placed[-1]
    assert last.start + last.width <= max(width, REPLICA_COLUMNS[0].width)


def test_the_least_important_column_leaves_first() -> None:
    assert [item.column.key for item in arrange((NAMES, SIZES), 14, {"name": 10})] == ["name"]
    assert [item.column.key for item in arrange((NAMES, SIZES), 15, {"name": 10})] == ["name", "size"]


def test_the_unknown_is_last_in_either_direction() -> None:
    assert ordered(["bb", "", "a"], SIZES) == ["a", "bb", ""]
    assert ordered(["bb", "", "a"], SIZES, reverse=True) == ["bb", "a", ""]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", True),
        ("qwen", True),
        ("QWEN.*ready", True),
        ("!qwen", False),
        ("!llama", True),
        ("[", False),
        ("! [", True),
    ],
)
def test_a_filter_keeps_what_matches_and_its_inverse_the_rest(typed: str, kept: bool) -> None:
    assert Match(typed).keeps("prod qwen3-8b ready") is kept


def test_letters_in_order_are_found_or_not_at_once_in_a_text_that_repeats_them() -> None:
    assert not Match("-f " + "ab" * 20 + "c").keeps("ab" * 500)
    assert Match("-f " + "AB" * 20).keeps("ab" * 500)


def test_workloads_short_of_replicas_come_first() -> None:
    rows = chosen_workloads(fleet_view(Facts(builders.fleet_snapshot())).workloads)
    assert [row.ready >= row.desired for row in rows] == [False, False, False, True, True]


def test_totals_count_states_and_only_current_numbers() -> None:
    text = plain([totals_line(fleet_view(Facts(builders.fleet_snapshot())).replicas)])
    assert "9 replicas" in text
    assert "✗ 1 crash-looping" in text
    assert "run 155" in text


def test_the_cursor_line_says_why_before_it_says_where() -> None:
    row = next(row for row in fleet_view(Facts(builders.fleet_snapshot())).replicas if row.note)
    text = plain([cursor_line(row)])
    assert text.index(row.note[:10]) < text.index(row.pod)


def test_a_stale_row_is_all_dim() -> None:
    row = next(row for row in fleet_view(Facts(builders.fleet_snapshot())).replicas if row.stale)
    assert {column.cell(row).tone for column in REPLICA_COLUMNS} == {Tone.DIM}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (count(None), "–"),
        (count(0), "0"),
        (count(9999), "9999"),
        (count(12_345), "12.3k"),
        (percent(None), "–"),
        (percent(0.0), "0%"),
        (percent(1.0), "100%"),
        (latency(None), "–"),
        (latency(0.0842), "84ms"),
        (latency(1.239), "1.24s"),
        (latency(83.2), "83s"),
        (latency(float("inf")), "inf"),
        (duration(None), "–"),
        (duration(8), "8s"),
        (duration(100), "1m40s"),
        (duration(3 * 3600 + 720), "3h12m"),
        (duration(14 * 86_400), "14d"),
        (gpu_name("NVIDIA-H100-80GB-HBM3"), "H100 80GB"),
        (gpu_name("NVIDIA-L4"), "L4"),
        (gpu_name("nvidia-tesla-t4"), "t4"),
        (gpu_name("NVIDIA A100-SXM4-80GB"), "A100 80GB"),
        (sparkline([None, 0.0, 1.0], 5), "·▁█"),
        (sparkline([None, None], 5), ""),
        ("".join(bar(0.5, 4)), "██  "),
        ("".join(bar(2.0, 4)), "████"),
        (cut_middle("llama3-8b-55k5wgvjqj-rhbxv", 20), "llama3-8b-55k…-rhbxv"),
        (cut_middle("short", 20), "short"),
    ],
)
def test_numbers_are_short_and_the_unknown_is_a_dash(shown: str, expected: str) -> None:
    assert shown == expected
