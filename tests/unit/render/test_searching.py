"""What a person types as a regular expression: found, taken literally, or given up on before anybody waits for it."""

from __future__ import annotations

import time

import pytest

from vops.render.filters import Match
from vops.render.searching import PATIENCE_S, Search

ENDLESS = "(.*a){14}x"
LONG = "ab" * 400


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("llama.*8b", "prod LLAMA3-8B", True),
        ("^(llama|qwen)+-\\d+b?$", "qwen-8", True),
        ("(a+)+$", "aaaa!", False),
        ("[", "a[0]", True),
        ("(?P<a>x)(?P<a>y)", "(?P<a>x)(?P<a>y)", True),
        ("a{99999999999999999999}", "a{99999999999999999999}", True),
    ],
)
def test_it_finds_what_was_meant(typed: str, text: str, found: bool) -> None:
    assert Search(typed).finds(text) is found


def test_an_endless_search_ends_and_the_rest_is_searched_for_the_text_itself() -> None:
    search, began = Search(ENDLESS), time.process_time()
    assert [search.finds(LONG) for _ in range(2000)] == [False] * 2000
    assert time.process_time() - began < 5
    assert search.remark == " (too slow, taken literally)"
    assert search.finds(f"say {ENDLESS}")


def test_many_slow_searches_are_too_slow_as_well() -> None:
    search = Search("(a|b)+c")
    for _ in range(3):
        search._count(PATIENCE_S / 2)
    assert search.remark == " (too slow, taken literally)"


def test_a_filter_says_that_it_was_too_slow() -> None:
    match = Match(f"!{ENDLESS}")
    assert match.remark == ""
    assert match.keeps(LONG)
    assert match.remark == " (too slow, taken literally)"
