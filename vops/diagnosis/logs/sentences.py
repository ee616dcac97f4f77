"""Where in vLLM's code a sentence is raised, for one that came without the calls that raised it.

A single line is all that many people copy of a traceback. sentences.txt holds what vLLM 0.6 to 0.33 raise, four words
in a row at a time; docs/index_sentences.py writes it. A sentence that is found there is as good as its traceback.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from zlib import crc32

import msgspec

from vops.diagnosis.logs.tracebacks import LoggedError
from vops.model.patterns import lazy_pattern

HOLE = "\x00"
"""Stands for a value that is filled into a sentence."""

SAID = "Said"
"""The class of a line that has none."""

INDEX = "sentences.txt"
_WORD = lazy_pattern(rf"{HOLE}|[^\W\d]\w*(?:'\w+)?", re.ASCII)
_TOUCHED = lazy_pattern(rf"\w*{HOLE}[\w{HOLE}]*", re.ASCII)
_IN_A_ROW = 4
_OPENING = 3
_MOST_WORDS = 120
_SURE = 2
_LEAST_WORDS = 6


def keys_of(sentence: str) -> list[int]:
    """A number for every four words that follow each other in a sentence, without a hole between them."""
    words = _words(sentence)
    rows = (words[start : start + _IN_A_ROW] for start in range(len(words) - _IN_A_ROW + 1))
    return [key_of(row) for row in rows if HOLE not in row]


def opening_of(type_: str, sentence: str) -> int | None:
    """The number of an exception's class with the words that its sentence begins with; None where there are too few."""
    words = _words(sentence)[:_OPENING]
    return key_of([type_, *words]) if len(words) == _OPENING and HOLE not in words else None


def key_of(words: list[str]) -> int:
    return crc32(" ".join(words).encode())


def _words(sentence: str) -> list[str]:
    return _WORD.findall(_TOUCHED.sub(HOLE, sentence).lower())[:_MOST_WORDS]


def located(error: LoggedError) -> LoggedError:
    """An exception with the place in vLLM's code that raises its sentence, where it has no calls and vLLM has it."""
    if error.frames or not error.message:
        return error
    origin, times = _best(error.message)
    opening = opening_of(error.short_type, error.message)
    begins = _index().get(opening) if opening is not None else None
    if origin is None or times < _SURE:
        origin = begins
    if origin is None or not _plausible(error, origin):
        return error
    return msgspec.structs.replace(error, frames=(f"{origin[0]}:{origin[1]}",))


def raised(said: LoggedError) -> LoggedError:
    """A line without a class as the exception that vLLM raises with these words, where there is one."""
    if said.type != SAID:
        return located(said)
    origin, times = _best(said.message)
    if origin is None or times < _SURE or len(_words(said.message)) < _LEAST_WORDS:
        return said
    return msgspec.structs.replace(said, type=origin[2], frames=(f"{origin[0]}:{origin[1]}",))


def is_of_vllm(sentence: str) -> bool:
    """Whether vLLM raises a sentence with such words."""
    return _best(sentence)[1] >= _SURE


def _plausible(error: LoggedError, origin: tuple[str, str, str]) -> bool:
    """Whether an exception of this class may be the one that is raised there."""
    return "." not in error.type or error.short_type == origin[2]


def _best(sentence: str) -> tuple[tuple[str, str, str] | None, int]:
    """The likeliest origin of a sentence, and how many of its keys are of that part of the code."""
    known = _index()
    hits = Counter(known[key] for key in dict.fromkeys(keys_of(sentence)) if key in known)
    if not hits:
        return None, 0
    best = max(hits, key=lambda origin: hits[origin])
    return best, sum(times for origin, times in hits.items() if _part(origin[0]) == _part(best[0]))


def _part(path: str) -> str:
    return "/".join(path.removeprefix("vllm/v1/").removeprefix("vllm/").split("/")[:2])


@cache
def _index() -> dict[int, tuple[str, str, str]]:
    """Module, function and class of exception by key."""
    return dict(_entries(files("vops.diagnosis.logs").joinpath(INDEX).read_text("utf-8")))


def _entries(text: str) -> Iterator[tuple[int, tuple[str, str, str]]]:
    path = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            path = line
            continue
        function, type_, *keys = line.split()
        for key in keys:
            yield int(key, 16), (path, function, type_)
