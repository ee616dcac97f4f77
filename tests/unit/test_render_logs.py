"""A log is folded without losing what matters: the exception, the first and the last of what repeats."""

from __future__ import annotations

from tests.unit.diagnosis.cluster_parts import log_text
from vops.render.logs import folded_log
from vops.render.text import plain


def folded(text: str, *, phases: bool = False) -> str:
    return plain(folded_log(text, phases=phases)).rstrip("\n")


def test_a_traceback_is_folded_to_its_exception() -> None:
    shown = folded(log_text("fail-kv-too-small.log"))
    assert "ValueError: To serve at least one request" in shown
    assert "lines of the traceback" in shown
    assert "  File " not in shown


def test_lines_that_differ_in_numbers_alone_are_folded() -> None:
    shown = folded("\n".join(["start", *(f"step {number} of 9" for number in range(9)), "end"]))
    assert shown.splitlines() == ["start", "step 0 of 9", "    … 7 more like it", "step 8 of 9", "end"]


def test_two_alike_and_the_empty_log_are_shown_as_they_are() -> None:
    assert folded("a 1\na 2") == "a 1\na 2"
    assert folded("") == ""


def test_phases_are_headings_where_they_begin() -> None:
    shown = folded(log_text("size-l8-045.log"), phases=True).splitlines()
    headings = [text for text in shown if text.startswith("──")]
    assert any("weight loading" in text for text in headings)
