"""Reads files and pipes of any length within bounded memory.

What has to be read whole (objects, metrics, descriptions) is, up to a limit; of a log only its two ends are kept, which
is all that is looked at of a very long one.
"""

from __future__ import annotations

import os
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path
from typing import BinaryIO, cast

MOST_BYTES = 256 * 2**20
SNIFFED = 65_536
_LOG_HEAD = 2**20
_LOG_TAIL = 16 * 2**20
_CHUNK = 2**20


def read_bounded(stream: BinaryIO, is_log: Callable[[bytes], bool]) -> tuple[bytes, bool]:
    """The bytes of a stream, and whether something was left out of a log; `is_log` is asked about its first bytes."""
    head = stream.read(SNIFFED)
    if not is_log(head):
        return head + stream.read(MOST_BYTES - len(head)), False
    head += stream.read(_LOG_HEAD - len(head))
    tail, skipped = _tail(stream)
    if not skipped:
        return head + tail, False
    return head[: head.rfind(b"\n") + 1] + tail[tail.find(b"\n") + 1 :], True


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file's bytes, those of a compressed one as they were before. Raises OSError where they cannot be had."""
    with path.open("rb") as stream:
        if path.suffix != ".gz":
            yield stream
            return
        try:
            yield cast("BinaryIO", _Forward(fileobj=stream))
        except (EOFError, zlib.error) as error:
            raise OSError(str(error)) from error


class _Forward(GzipFile):
    """One that is read once: to look for its end would take as long as to read it."""

    def seekable(self) -> bool:
        return False


def in_utf8(body: bytes) -> bytes:
    """A text as UTF-8 that PowerShell has written as UTF-16."""
    if not body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return body
    return body.decode("utf-16", "replace").encode()


def _tail(stream: BinaryIO) -> tuple[bytes, bool]:
    """The last bytes of what is left, and whether there were more before them."""
    if stream.seekable():
        here, end = stream.tell(), stream.seek(0, os.SEEK_END)
        start = max(here, end - _LOG_TAIL)
        stream.seek(start)
        return stream.read(_LOG_TAIL), start > here
    kept: deque[bytes] = deque()
    size, skipped = 0, False
    while chunk := stream.read(_CHUNK):
        kept.append(chunk)
        size += len(chunk)
        while size - len(kept[0]) >= _LOG_TAIL:
            size -= len(kept.popleft())
            skipped = True
    return b"".join(kept), skipped
