"""Files of a bundle: which are read, and what each of them is.

Inside a folder the suffix says what a file is; a file that was named, or standard input, is also known by its content.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from vops.errors import InputError
from vops.model.text import one_line
from vops.operations.bundle_wrappings import as_log_lines, unwrapped
from vops.operations.describe_text import is_described

STDIN = "stdin"
_MOST_BYTES = 256 * 2**20
_MOST_LOG_BYTES = 16 * 2**20
_SNIFFED = 65_536
_YAML = re.compile(
    rb"^(?:(?:apiVersion|kind):[ \t]+[\"']?[\w./]+[\"']?|(?:containerS|initContainerS|s)tatus(?:es)?:|spec:)[ \t]*\r?$",
    re.MULTILINE,
)
_OF_OBJECTS = frozenset(("kind", "apiVersion", "items", "schema"))
_OF_RECORDS = frozenset(("log", "message", "msg", "textPayload", "jsonPayload"))
_METRICS = re.compile(rb"\s*(?:# (?:HELP|TYPE) \w|(?:vllm:|DCGM_FI_)\w+[ {])")


class Content(StrEnum):
    OBJECTS = "objects"
    LOG = "log"
    METRICS = "metrics"
    DESCRIBED = "described"


class BundleFile(msgspec.Struct, frozen=True):
    """One file that was read; `folder` is None for standard input, `cut` tells that the beginning of a log is not here.

    `name` is safe to print.
    """

    name: str
    stem: str
    folder: Path | None
    content: Content
    body: bytes
    cut: bool = False


_SUFFIXES = {
    ".json": Content.OBJECTS,
    ".yaml": Content.OBJECTS,
    ".yml": Content.OBJECTS,
    ".log": Content.LOG,
    ".prom": Content.METRICS,
    ".txt": Content.DESCRIBED,
}


def read_files(paths: Sequence[Path], stdin: bytes | None) -> tuple[list[BundleFile], list[str]]:
    """Every file of a bundle, and what could not be read. Raises InputError for a path that does not exist."""
    files: list[BundleFile] = []
    problems: list[str] = []
    for path, named in _paths(paths, problems):
        try:
            file = _read(path, named)
        except OSError as error:
            problems.append(f"{printable(path)}: cannot be read: {error.strerror or error}")
            continue
        if file.content is Content.DESCRIBED and sniff(file.body) is not Content.DESCRIBED:
            problems.append(f"{file.name}: not used: not the output of kubectl describe or kubectl get events")
        else:
            files.append(file)
    if stdin is not None and stdin.strip():
        stdin = unwrapped(stdin)
        files.append(BundleFile(STDIN, STDIN, None, sniff(stdin), stdin[-_MOST_BYTES:]))
    return files, problems


def sniff(body: bytes) -> Content:
    """What a file without a telling name is: objects, metrics and descriptions have a form, all else is a log."""
    head = body[:_SNIFFED]
    if _METRICS.match(head):
        return Content.METRICS
    if _is_a_record(head):
        return Content.DESCRIBED if is_described(head.decode("utf-8-sig", "replace")) else Content.LOG
    if head.lstrip().startswith(b"{") or _YAML.search(head):
        return Content.OBJECTS
    return Content.DESCRIBED if is_described(head.decode("utf-8-sig", "replace")) else Content.LOG


def _is_a_record(head: bytes) -> bool:
    """Whether a text begins with a line that a JSON logger wrote: a whole object in one line, which no kind names."""
    first, ended, _ = head.lstrip().partition(b"\n")
    if not ended or not first.startswith(b"{"):
        return False
    try:
        record = msgspec.json.decode(first)
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(record, dict) and not _OF_OBJECTS & record.keys() and bool(_OF_RECORDS & record.keys())


def printable(path: Path) -> str:
    return one_line(os.fsencode(path).decode("utf-8", "replace"))


def _paths(paths: Sequence[Path], problems: list[str]) -> Iterator[tuple[Path, bool]]:
    """Each file once, with whether it was named itself."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise InputError("no such file or folder", path=printable(path))
        for file in _below(path) if path.is_dir() else (path,):
            real = file.resolve()
            if real in seen:
                continue
            seen.add(real)
            if path.is_dir() and file.suffix not in _SUFFIXES:
                problems.append(f"{printable(file)}: not used: not a .json, .yaml, .log, .prom or .txt file")
            else:
                yield file, not path.is_dir()


def _below(folder: Path) -> Iterator[Path]:
    """The files of a folder and below it, in a stable order; hidden ones left out, links to folders not followed."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root) / name for name in sorted(names) if not name.startswith("."))


def _read(path: Path, named: bool) -> BundleFile:
    content = _SUFFIXES.get(path.suffix)
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        cut = content is Content.LOG and size > _MOST_LOG_BYTES
        if cut:
            stream.seek(size - _MOST_LOG_BYTES)
        body = unwrapped(stream.read(_MOST_BYTES))
    if content is Content.OBJECTS and (lines := as_log_lines(body)) is not None:
        content, body = Content.LOG, lines
    if content is Content.LOG and is_described(body[:_SNIFFED].decode("utf-8-sig", "replace")):
        content = Content.DESCRIBED
    told = content in (None, Content.DESCRIBED) and named
    kind = sniff(body) if told else content or Content.LOG
    stem = path.name.removesuffix(path.suffix) if content else path.name
    return BundleFile(printable(path), stem, path.resolve().parent, kind, body, cut)
