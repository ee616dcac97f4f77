"""Logs of any length are read within bounded memory; what has to be whole is read whole."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.intake.bundle_files import read_stdin

HEAD = "(APIServer pid=1) INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.11.0\n"
LINE = '(APIServer pid=1) INFO:     10.0.0.1:4711 - "GET /health HTTP/1.1" 200 OK\n'
TAIL = "(EngineCore_DP0 pid=9) ERROR 11-24 09:00:00 [core.py:1] EngineCore encountered a fatal error.\n"
TAIL += "(EngineCore_DP0 pid=9) ERROR 11-24 09:00:00 [core.py:1] AssertionError: no request\n"
MIB = 2**20


class Pipe(io.RawIOBase):
    """A stream of a size that is never all in memory, and that cannot be sought in."""

    def __init__(self, lines: int) -> None:
        self._left, self._lines = [HEAD, TAIL], lines

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._left[0]:
            text, self._left[0] = self._left[0], ""
        elif self._lines > 0:
            count = min(self._lines, max(1, len(buffer) // len(LINE)))
            text, self._lines = LINE * count, self._lines - count
        else:
            text, self._left[1] = self._left[1], ""
        body = text.encode()[: len(buffer)]
        buffer[: len(body)] = body
        return len(body)


@pytest.fixture
def long_log(tmp_path: Path) -> Path:
    path = tmp_path / "server.log"
    with path.open("w") as file:
        file.write(HEAD)
        for _ in range(24):
            file.write(LINE * (MIB // len(LINE)))
        file.write(TAIL)
    return path


def test_of_a_long_log_both_ends_are_used(long_log: Path) -> None:
    reports, _ = diagnose_bundle([long_log], None)
    assert [finding.cause for finding in reports[0].findings] == ["engine-dead"]


def test_a_long_pipe_is_read_within_bounds() -> None:
    tracemalloc.start()
    body = read_stdin(io.BufferedReader(Pipe(128 * MIB // len(LINE))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (body.startswith(HEAD.encode()), body.endswith(TAIL.encode())) == (True, True)
    assert peak < 64 * MIB


def test_an_object_is_read_whole() -> None:
    text = b'{"kind": "Pod", "metadata": {"name": "x", "annotations": {"a": "' + b"y" * (20 * MIB) + b'"}}}'
    assert read_stdin(io.BytesIO(text)) == text
