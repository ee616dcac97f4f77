"""Columns line up whatever is in them."""

import pytest

from vops.render.text import Span, cell_width, columns, fit, plain


@pytest.mark.parametrize(
    ("text", "width", "right", "expected"),
    [
        ("abc", 5, False, "abc  "),
        ("abc", 5, True, "  abc"),
        ("abcdef", 4, False, "abc…"),
        ("模型模型", 5, False, "模型…"),
        ("模型模型", 4, False, "模… "),
        ("x", 0, False, ""),
    ],
)
def test_fit_takes_exactly_the_cells_asked_for(text: str, width: int, right: bool, expected: str) -> None:
    assert fit(text, width, right=right) == expected


def test_wide_and_combining_characters_are_measured_in_cells() -> None:
    assert [cell_width(text) for text in ("abc", "模", "e\u0301", "–")] == [3, 2, 1, 1]


def test_columns_are_as_wide_as_their_content() -> None:
    lines = columns(("A", "LONG"), [(Span("x"), Span("1")), (Span("模型"), Span("22"))], right=frozenset({1}))
    assert plain(lines) == "A     LONG\nx        1\n模型    22\n"
