"""Questions at the terminal: what is typed, what is not, and a signal in the middle of one."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import Iterator

import pytest

from vops.cli.asking import agreed, typed
from vops.errors import ApprovalNeeded

RUN = ("--lab", "gated-model", "-n", "inference", "run", "scale", "-p", "target=deploy/qwen3-4b", "-p", "replicas=2")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: the one that a person types at, and the one that is read."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


@pytest.mark.parametrize(
    ("lines", "yes"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("what\ny\n", True)]
)
async def test_only_a_yes_is_one(terminal: tuple[int, int], lines: str, yes: bool) -> None:
    os.write(terminal[0], lines.encode())
    assert await agreed("Go on?", fd=terminal[1]) is yes


@pytest.mark.parametrize(("line", "said"), [("8\n", "8"), ("\n", "4"), ("  a b \n", "a b")])
async def test_an_empty_line_is_the_default(terminal: tuple[int, int], line: str, said: str) -> None:
    os.write(terminal[0], line.encode())
    assert await typed("How many", default="4", fd=terminal[1]) == said


async def test_the_end_of_the_input_is_no_answer(terminal: tuple[int, int]) -> None:
    os.write(terminal[0], b"\x04")
    with pytest.raises(ApprovalNeeded, match="there was no answer"):
        await agreed("Go on?", fd=terminal[1])


@pytest.mark.parametrize(("said", "code"), [(b"\x04", 7), (b"n\n", 7), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_question_is_given_up_at_once(
    terminal: tuple[int, int], environment: dict[str, str], said: bytes | signal.Signals, code: int
) -> None:
    person, program = terminal
    vops = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vops", *RUN, stdin=program, stdout=asyncio.subprocess.DEVNULL, stderr=program,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    async with asyncio.timeout(30):
        shown = b""
        while b"[y/N]" not in shown:
            shown += await asyncio.to_thread(os.read, person, 4096)
        if isinstance(said, bytes):
            os.write(person, said)
        else:
            vops.send_signal(said)
        assert await vops.wait() == code
