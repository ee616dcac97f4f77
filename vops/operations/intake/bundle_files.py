"""Files of a bundle: which are read, and what each of them is.

Inside a folder the suffix says what a file is; a file that was named, or standard input, is also known by its content.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import msgspec

from vops.diagnosis.guesses.explained import only_explains
from vops.diagnosis.logs.lines import FENCE
from vops.diagnosis.logs.structured import read_object
from vops.errors import InputError
from vops.operations.intake.bundle_mixed import taken_apart
from vops.operations.intake.bundle_pages import logs_within, pages_within
from vops.operations.intake.bundle_streams import MOST_BYTES, SNIFFED, in_utf8, opened, read_bounded
from vops.operations.intake.bundle_wrappings import as_log_lines, as_metrics, unwrapped, without_sources
from vops.operations.printed.describe_text import is_described
from vops.operations.printed.logs_within import looks_like_a_log, quotes_a_failure
from vops.operations.printed.rollout_rows import lists_a_rollout
from vops.operations.wording import printable

STDIN = "stdin"
_YAML = re.compile(
    rb"^(?:(?:apiVersion|kind):[ \t]+[\"']?[\w./]+[\"']?|(?:containerS|initContainerS|s)tatus(?:es)?:|spec:)[ \t]*\r?$"
    rb"|^ *(?:- )?state:[ \t]*\r?\n *(?:waiting|terminated):"
    rb"|^ *(?:- )?(?:lastState|containerID|lastTransitionTime|lastProbeTime):|^ *allocatable:[ \t]*\r?$"
    rb"|^ *(?:- )?(?:conditions|parents):[ \t]*\r?$"
    rb"|^ *triggers:[ \t]*\r?\n *- (?:type|metadata):"
    rb"|^ *autoscaling\.keda\.sh/paused[\w-]{0,20}: ",
    re.MULTILINE,
)
_JSON = re.compile(rb"\s*(?:\{|\[\s*\{)")
_MESSAGE = re.compile(rb"\s*\{?\s*\"(?:timestamp|time|level|message|msg)\"\s*:")
_KIND_OF_JSON = re.compile(rb"\"(?:kind|apiVersion|items|schema)\"\s*:")
_OF_OBJECTS = frozenset(("kind", "apiVersion", "items", "schema"))
_OF_RECORDS = frozenset(("log", "message", "msg", "textPayload", "jsonPayload"))
_OF_LOGGERS = frozenset(("level", "msg"))
"""What a logger's record has, be it about an object of some kind."""

_WITHIN = re.compile(rb"^\s{0,12}\{\s*\n\s*\"(?:apiVersion|kind)\": ", re.MULTILINE)
"""An object as kubectl prints it."""
_ROTATED = re.compile(r"(?:(?<=\.log)(?:[.-][\d-]{1,20})?)(?:\.gz)?$|\.gz$")
_METRICS = re.compile(rb"\s*(?:# (?:HELP|TYPE) \w|(?:vllm:|DCGM_FI_)\w+(?:\{| +[\d.]))")


_KIND = re.compile(rb"^ *kind: *\w", re.MULTILINE)
_INSTRUCTS = re.compile(
    r"\b(?:[Tt]o|you can|can be) paused?\b[^.\n]{0,80}|\b[Aa]dd the (?:following )?(?:annotation|snippet)\b"
)
"""Prose around a part of a manifest that shows how something is done."""

_SERIES = re.compile(rb"^(?:vllm:|DCGM_FI_)\w{3,100}[ {]", re.MULTILINE)
_REFUSED = re.compile(rb"FailedScheduling.{1,400}nodes are available")


class Content(StrEnum):
    OBJECTS = "objects"
    LOG = "log"
    METRICS = "metrics"
    DESCRIBED = "described"
    GENERAL = "general"


class BundleFile(msgspec.Struct, frozen=True):
    """One file that was read; `folder` is None for standard input, `cut` tells that the beginning of a log is not here.

    `name` is safe to print. `written` is the text as a whole, of which the body may be a part: both ends of it; empty
    for what an API or an exporter has answered.
    """

    name: str
    stem: str
    folder: Path | None
    content: Content
    body: bytes
    cut: bool = False
    written: bytes = b""

    @property
    def text(self) -> str:
        """The body as text, which has yet to be scrubbed where it is shown."""
        return self.body.decode("utf-8-sig", "replace")


_SUFFIXES = {
    ".json": Content.OBJECTS,
    ".yaml": Content.OBJECTS,
    ".yml": Content.OBJECTS,
    ".log": Content.LOG,
    ".prom": Content.METRICS,
    ".txt": Content.DESCRIBED,
    ".out": Content.DESCRIBED,
    ".md": Content.DESCRIBED,
}
_OF_TEXTS = (None, Content.DESCRIBED, Content.LOG)
_UNLIKE = "not used: neither what kubectl describes or lists, nor a log"
"""Said of a text beside other files; where such texts are all that there is, they are what somebody means."""

_GENERAL = "not used: it explains, plans or asks, and reports nothing that happened"
NOTHING_HAPPENED = b"explains, and reports nothing that happened\n"
"""What such texts come to where there is nothing else: lines in which no server fails."""

_FENCE = re.compile(rb"^ {0,8}(?:```|~~~)", re.MULTILINE)
_WHOLE = frozenset({".json", ".yaml", ".yml"})
"""What is a manifest as a whole, as its name says."""


def read_files(paths: Sequence[Path], stdin: bytes | None) -> tuple[list[BundleFile], list[str]]:
    """Every file of a bundle, and what could not be read. Raises InputError for a path that does not exist."""
    files: list[BundleFile] = []
    unlike: list[BundleFile] = []
    general: list[BundleFile] = []
    problems: list[str] = []
    for path, named in _paths(paths, problems):
        try:
            file = _read(path, named)
        except OSError as error:
            problems.append(f"{printable(path)}: cannot be read: {error.strerror or error}")
            continue
        if file.content is Content.GENERAL:
            general.append(file)
            continue
        paged = _paged(file)
        files += paged
        if paged or path.suffix in _WHOLE:
            files += [] if paged else [file]
        elif not _WITHIN.search(file.body) and file.content is Content.DESCRIBED is not sniff(file.body):
            log = msgspec.structs.replace(file, content=Content.LOG)
            unlike += _paged(log) or [log]
        else:
            files += _parts(file)
    if stdin is not None and stdin.strip():
        given = _given(stdin)
        if given.content is Content.GENERAL:
            general.append(given)
        else:
            files += _paged(given) or _parts(given)
    if files:
        problems += [f"{file.name}: {_UNLIKE}" for file in unlike]
    problems += [f"{file.name}: {_GENERAL}" for file in general]
    instead = [msgspec.structs.replace(file, content=Content.LOG, body=NOTHING_HAPPENED) for file in general]
    return _with_rollouts(files) or unlike or instead, problems


def _given(stdin: bytes) -> BundleFile:
    """Standard input as a file of its own."""
    body = in_utf8(stdin)
    if _is_general(body):
        return BundleFile(STDIN, STDIN, None, Content.GENERAL, body[:SNIFFED], written=_written(body))
    raw, body = body, unwrapped(body)
    written = _written(body)
    body = as_log_lines(body) or as_metrics(body) or _fenced(raw, body)
    kind, body = _without_sources(sniff(body), body)
    return BundleFile(STDIN, STDIN, None, kind, body[-MOST_BYTES:], written=written)


def _is_general(body: bytes) -> bool:
    """Whether a text is a page, a plan or a wish, and no report; a manifest with remarks is none of them."""
    head = body[:SNIFFED]
    if _JSON.match(head) or (sniff(head) is Content.OBJECTS and not _FENCE.search(head)):
        return False
    return only_explains(_text(head))


def _with_rollouts(files: list[BundleFile]) -> list[BundleFile]:
    """The files, with a table of pods beneath the scheduler's refusals where both were saved each by itself."""
    described = [file for file in files if file.content is Content.DESCRIBED]
    refusals = [file for file in described if _REFUSED.search(file.body)]
    tables = [file for file in described if file not in refusals and lists_a_rollout(_text(file.body))]
    if any(file.content is Content.OBJECTS for file in files) or (len(refusals), len(tables)) != (1, 1):
        return files
    whole = msgspec.structs.replace(refusals[0], body=tables[0].body + b"\n\n" + refusals[0].body)
    return [whole if file is refusals[0] else file for file in files if file is not tables[0]]


def _paged(file: BundleFile) -> list[BundleFile]:
    """The pages of metrics that stand in a text, and what else it holds if that tells something; nothing without any.

    Or the logs of several servers, if it has those.
    """
    logs = logs_within(_text(file.body)) if file.content is Content.LOG else {}
    if logs:
        return [msgspec.structs.replace(file, stem=pod, body=text.encode()) for pod, text in logs.items()]
    found = pages_within(_text(file.body)) if file.content is not Content.OBJECTS or _has_series(file.body) else None
    if found is None or (file.content is Content.METRICS and len(found[0]) == 1):
        return []
    pages, rest = found
    page = msgspec.structs.replace(file, content=Content.METRICS)
    parts = [msgspec.structs.replace(page, stem=pod or file.stem, body=text.encode()) for pod, text in pages.items()]
    kind = sniff(rest.encode())
    told = kind in (Content.DESCRIBED, Content.OBJECTS) or looks_like_a_log(rest)
    if kind is Content.OBJECTS:
        return [*parts, *_parts(msgspec.structs.replace(file, content=kind, body=rest.encode()))]
    return [*parts, *([msgspec.structs.replace(file, content=kind, body=rest.encode())] if told else [])]


def _has_series(body: bytes) -> bool:
    """Whether lines of metrics stand in what looks like a manifest."""
    return not _JSON.match(body) and _SERIES.search(body[:SNIFFED]) is not None


def _parts(file: BundleFile) -> list[BundleFile]:
    """The manifests that stand in a text, and what else it holds, where it has both."""
    holds = file.content is Content.OBJECTS or (file.content is not Content.METRICS and _WITHIN.search(file.body))
    apart = taken_apart(_text(file.body)) if holds and len(file.body) <= SNIFFED else None
    if apart is None:
        return [file]
    manifests, rest = (part.encode() for part in apart)
    kind = sniff(rest)
    if not _KIND.search(manifests) and _INSTRUCTS.search(apart[1]):
        return [msgspec.structs.replace(file, content=Content.LOG, body=rest)]
    found = [msgspec.structs.replace(file, content=Content.OBJECTS, body=manifests)]
    if kind is Content.DESCRIBED or _tells(apart[1]):
        found.append(msgspec.structs.replace(file, content=kind, body=rest))
    return found


def sniff(body: bytes) -> Content:
    """What a file without a telling name is: objects, metrics and descriptions have a form, all else is a log."""
    head = body[:SNIFFED]
    if _METRICS.match(head):
        return Content.METRICS
    if _is_a_record(head):
        return Content.DESCRIBED if is_described(head.decode("utf-8-sig", "replace")) else Content.LOG
    if _MESSAGE.match(head) and not _KIND_OF_JSON.search(head):
        return Content.LOG
    if _JSON.match(head) or _YAML.search(head):
        return Content.OBJECTS
    return Content.DESCRIBED if is_described(head.decode("utf-8-sig", "replace")) else Content.LOG


def _is_a_record(head: bytes) -> bool:
    """Whether a text begins with a line that a JSON logger wrote: a whole object in one line, which no kind names."""
    first, ended, _ = head.lstrip().partition(b"\n")
    if not ended or not first.startswith(b"{"):
        return False
    record = read_object(first.decode("utf-8", "replace"))
    if record is None or (_OF_OBJECTS & record.keys() and not record.keys() >= _OF_LOGGERS):
        return False
    nested = isinstance(record.get("fields"), dict) and "level" in record  # as loggers of Rust write it
    return nested or bool(_OF_RECORDS & record.keys()) or isinstance(record.get("error"), str)


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
            if path.is_dir() and _is_older(file):
                problems.append(f"{printable(file)}: not used: the log that follows it is here")
            elif path.is_dir() and _suffix(file) not in _SUFFIXES:
                problems.append(f"{printable(file)}: not used: not a .json, .yaml, .log, .prom or .txt file")
            else:
                yield file, not path.is_dir()


def _is_older(path: Path) -> bool:
    """Whether it is a log that was rotated while the present one lies beside it."""
    present = path.with_name(_ROTATED.sub("", path.name))
    return present != path and present.exists()


def _suffix(path: Path) -> str:
    """What tells the content by the name, of a log that was rotated too."""
    return Path(_ROTATED.sub("", path.name)).suffix


def _below(folder: Path) -> Iterator[Path]:
    """The files of a folder and below it, in a stable order; hidden ones left out, links to folders not followed."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root) / name for name in sorted(names) if not name.startswith("."))


def _read(path: Path, named: bool) -> BundleFile:
    content = _SUFFIXES.get(_suffix(path))
    with opened(path) as stream:
        body, cut = read_bounded(stream, lambda head: _is_log(head, content))
    body = in_utf8(body)
    if content in (None, Content.DESCRIBED) and _is_general(body):
        folder, head = path.resolve().parent, body[:SNIFFED]
        return BundleFile(printable(path), path.stem, folder, Content.GENERAL, head, written=_written(body))
    raw, body = body, unwrapped(body)
    written = _written(body)
    if content is Content.OBJECTS and (lines := as_log_lines(body)) is not None:
        content, body = Content.LOG, lines
    elif content is Content.OBJECTS and (page := as_metrics(body)) is not None:
        content, body = Content.METRICS, page
    elif content is Content.OBJECTS and _is_a_record(body[:SNIFFED]):
        content = Content.LOG
    told = content in (None, Content.DESCRIBED) or (content is Content.LOG and _is_described(body))
    kind = sniff(body) if told else content or Content.LOG
    kind, body = _without_sources(kind, body)
    if kind is Content.LOG and content is Content.DESCRIBED and not named and not _tells(_text(body)):
        kind = Content.DESCRIBED
    body = _fenced(raw, body) if _SUFFIXES.get(_suffix(path)) in _OF_TEXTS else body
    stem = Path(_ROTATED.sub("", path.name)).stem if content else path.name
    return BundleFile(printable(path), stem, path.resolve().parent, kind, body, cut, written)


def _written(body: bytes) -> bytes:
    """Both ends of a text that somebody or a program wrote."""
    if _is_answer(body[:SNIFFED]) or sniff(body) is Content.METRICS:
        return b""
    return body if len(body) <= 2 * _ENOUGH else b"\n".join((body[:_ENOUGH], body[-_ENOUGH:]))


_ENOUGH = 1 << 16


def _is_answer(head: bytes) -> bool:
    """Whether an API has answered it: JSON, and no logger's."""
    return _JSON.match(head) is not None and _KIND_OF_JSON.search(head) is not None and not _is_a_record(head)


def _fenced(raw: bytes, body: bytes) -> bytes:
    """A post with a log keeps its fences, where what a program said ends; any other text has none of use."""
    return unwrapped(raw, fence=FENCE.encode() + b"\n") if sniff(body) is Content.LOG else body


def _without_sources(kind: Content, body: bytes) -> tuple[Content, bytes]:
    """What a text is without what stands before each of its lines, where it is a description behind that."""
    bare = without_sources(body) if kind in (Content.LOG, Content.DESCRIBED) else None
    if bare is None:
        return kind, body
    return (Content.DESCRIBED, bare) if _is_described(bare) else (Content.LOG, body)


def _tells(text: str) -> bool:
    """Whether a text that nobody called a log has the form of one, or quotes what one says of a failure."""
    return looks_like_a_log(text) or quotes_a_failure(text)


def _is_log(head: bytes, content: Content | None) -> bool:
    """Whether a file that begins like this is a log, of which the two ends are enough."""
    if content in (Content.OBJECTS, Content.METRICS):
        return False
    return sniff(head) is Content.LOG if content is not Content.LOG else not _is_described(head)


def _is_described(body: bytes) -> bool:
    return is_described(_text(body))


def _text(body: bytes) -> str:
    return body[:SNIFFED].decode("utf-8-sig", "replace")


def read_stdin(stream: BinaryIO) -> bytes:
    """Standard input within bounded memory."""
    return read_bounded(stream, lambda head: _is_log(head, None))[0]
