"""The failures in a log that vops knows, each cause once."""

from __future__ import annotations

from vops.render.log_errors import MOST, KnownError, error_lines, known_errors
from vops.render.text import plain

GATED = "OSError: You are trying to access a gated repo."
PARSER = "api_server.py: error: unrecognized arguments: --swap-space"
LINES = ["INFO starting", GATED, "  more", PARSER, "INFO again", GATED, "ValueError: nobody knows this one"]


def test_each_cause_is_told_once_with_its_count_the_newest_first() -> None:
    gated, argument = known_errors(enumerate(LINES, 100))
    assert (gated.cause, gated.times, gated.last) == ("gated-model", 2, 105)
    assert (argument.cause, argument.times) == ("bad-argument", 1)
    text = plain(error_lines([gated, argument]))
    assert text.startswith("✗ gated-model ×2  OSError")
    assert "✗ bad-argument  api_server.py" in text


def test_a_log_that_is_well_has_none() -> None:
    assert known_errors(enumerate(["INFO all is well"] * 5)) == []
    last = (
        "[rank0]:[W1128 ProcessGroupNCCL.cpp:1575] Warning: destroy_process_group() was not called before program exit"
    )
    assert known_errors([(1, last)]) == []
    assert error_lines([]) == []


def test_many_causes_are_cut_and_counted() -> None:
    found = [KnownError(f"cause-{number}", 1, number, "x") for number in range(MOST + 3)]
    assert plain(error_lines(found)).endswith("… 3 other causes\n")
