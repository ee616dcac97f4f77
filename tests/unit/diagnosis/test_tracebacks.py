"""Exceptions in logs: which of many is the cause."""

from __future__ import annotations

import pytest

from vops.diagnosis.logs.reader import read_log

WRAPPER = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"


def traceback(error: str, process: str = "", level: str = "") -> str:
    """A traceback that ends in `error`, as a process logs it."""
    lines = ["Traceback (most recent call last):", '  File "x.py", line 1, in f', "    raise it", *error.splitlines()]
    prefix = f"({process} pid=1) " if process else ""
    return "".join(f"{prefix}{level}{line}\n" for line in lines)


def root_of(text: str) -> str:
    return str(read_log(text).root)


def test_a_wrapper_is_never_the_root() -> None:
    assert root_of(traceback("ValueError: bad", "EngineCore") + traceback(WRAPPER, "APIServer")) == "ValueError: bad"


def test_a_log_of_which_only_the_wrapper_is_left_has_no_root() -> None:
    reading = read_log(traceback(WRAPPER, "APIServer"))
    assert reading.root is None
    assert reading.wrapper is not None


def test_the_lowest_process_wins_whatever_is_logged_first() -> None:
    text = traceback("OSError: above", "APIServer") + traceback("ValueError: engine", "EngineCore_DP0")
    text += traceback("KeyError: 'worker'", "Worker_TP3")
    assert root_of(text) == "KeyError: 'worker'"


def test_of_eight_workers_the_first_in_time_wins() -> None:
    text = "".join(traceback(f"RuntimeError: rank {rank}", f"Worker_TP{rank}") for rank in (5, 0, 1))
    assert root_of(text) == "RuntimeError: rank 5"


def test_interleaved_processes_are_read_apart() -> None:
    first = traceback("ValueError: a", "Worker_TP0").splitlines()
    second = traceback("ValueError: b", "Worker_TP1").splitlines()
    mixed = "\n".join(line for pair in zip(first, second, strict=True) for line in pair)
    assert root_of(mixed) == "ValueError: a"


def test_a_logged_traceback_is_read_behind_its_header() -> None:
    assert root_of(traceback("ValueError: bad", "EngineCore", "ERROR 01-01 00:00:00 [core.py:1] ")) == "ValueError: bad"


@pytest.mark.parametrize(
    ("inner", "link", "outer", "root"),
    [
        ("ValueError: inner", "The above exception was the direct cause of", "OSError: outer", "ValueError: inner"),
        ("KeyError: 'x'", "During handling of the above exception, another", "ValueError: no x", "ValueError: no x"),
        ("OSError: disk", "During handling of the above exception, another", "RuntimeError: y", "OSError: disk"),
        (
            "httpx.HTTPStatusError: Client error '403 Forbidden'",
            "The above exception was the direct cause of",
            "hub.GatedRepoError: 403 Client Error",
            "GatedRepoError: 403 Client Error",
        ),
        (
            "httpx.HTTPStatusError: Client error '403 Forbidden'",
            "The above exception was the direct cause of",
            "OSError: cannot connect",
            "HTTPStatusError: Client error '403 Forbidden'",
        ),
    ],
)
def test_the_root_of_a_chain(inner: str, link: str, outer: str, root: str) -> None:
    text = f"{traceback(inner)}\n{link} exception occurred:\n\n{traceback(outer)}"
    assert root_of(text) == root


def test_tracebacks_without_a_link_are_two_chains() -> None:
    reading = read_log(traceback("ValueError: first") + traceback("OSError: second"))
    assert [str(error) for error in reading.chain] == ["ValueError: first"]


def test_a_message_of_several_lines_is_folded() -> None:
    text = traceback("hub.GatedRepoError: 403 Client Error.\n\nCannot access gated repo for url u.\nAsk for access.")
    assert root_of(text) == "GatedRepoError: 403 Client Error. Cannot access gated repo for url u. Ask for access."


def test_what_pydantic_adds_is_left_out() -> None:
    text = traceback(
        "pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value error, too long "
        "[type=value_error, input_value=ArgsKwargs(()), input_type=ArgsKwargs]\n    For further information visit x"
    )
    assert root_of(text) == "ValidationError: too long"


def test_a_later_line_does_not_belong_to_the_message() -> None:
    text = traceback("ValueError: bad", "EngineCore") + "(EngineCore pid=1) INFO 01-01 00:00:00 [x.py:1] goodbye"
    assert root_of(text) == "ValueError: bad"


def test_argparse_speaks_without_a_traceback() -> None:
    assert (
        root_of("usage: vllm [-h]\nvllm: error: unrecognized arguments: --x 1")
        == "ArgumentError: unrecognized arguments: --x 1"
    )


def test_a_warning_that_quotes_an_error_is_none() -> None:
    assert read_log("WARNING 01-01 00:00:00 [x.py:1] This can cause errors like `OSError: [Errno 24]`").root is None


def test_a_server_killed_while_loading_says_so() -> None:
    assert read_log(traceback("KeyboardInterrupt: terminated")).terminated
