"""Words of which a text must hold one for a pattern to be found in it.

Most texts that are searched hold none. Asking for words costs a tenth of what a pattern of many alternatives costs,
above all of such as begin with anything at all. What is found stays the same: the pattern is asked where a word is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, AnyStr, cast

_parser: Any = None
with suppress(ImportError):
    _parser = import_module("re._parser")
"""It has no public name since Python 3.11; what it calls its parts has been the same for twenty years.

Without it patterns are searched as they are.
"""

_SHORTEST, _LONG = 3, 8
"""Characters: shorter words stand in every text, and beyond the other length they are all equally rare."""

_MOST = 160
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")

Words = frozenset[tuple[int, ...]]
"""Words as the codes of their characters: those of texts and those of bytes alike."""

Search = Callable[..., "re.Match[AnyStr] | None"]


def quicker(pattern: re.Pattern[AnyStr]) -> Search[AnyStr]:
    """What the pattern's `search` answers, sooner where nothing is found."""
    words = needles(pattern) if _parser is not None else ()
    if not words or len(words) > _MOST:
        return pattern.search
    return _folded(pattern, words) if pattern.flags & re.IGNORECASE else _plain(pattern, words)


def _plain(pattern: re.Pattern[AnyStr], words: tuple[AnyStr, ...]) -> Search[AnyStr]:
    search = pattern.search

    def found(text: AnyStr, *within: int) -> re.Match[AnyStr] | None:
        for word in words:
            if word in text:
                return search(text, *within)
        return None

    return found


def _folded(pattern: re.Pattern[AnyStr], words: tuple[AnyStr, ...]) -> Search[AnyStr]:
    """The same where case counts for nothing: beyond ASCII, letters have more than two forms."""
    search = pattern.search

    def found(text: AnyStr, *within: int) -> re.Match[AnyStr] | None:
        if not text.isascii():
            return search(text, *within)
        lower = text.lower()
        for word in words:
            if word in lower:
                return search(text, *within)
        return None

    return found


def needles(pattern: re.Pattern[AnyStr]) -> tuple[AnyStr, ...]:
    """Words of which every text has one in which the pattern is found, in lower case where that does not count.

    Empty where there are none, and where the pattern begins with characters that `re` itself looks for.
    """
    parsed = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    folds = bool(pattern.flags & re.IGNORECASE)
    if pattern.flags & re.LOCALE or not len(parsed) or (str(parsed[0][0]) == "LITERAL" and not folds):
        return ()
    words = _needed(parsed, folds=folds)
    made = bytes if isinstance(pattern.pattern, bytes) else lambda codes: "".join(map(chr, codes))
    return tuple(sorted(cast("Callable[[tuple[int, ...]], AnyStr]", made)(word) for word in words))


def _needed(parts: Iterable[tuple[Any, Any]], *, folds: bool) -> Words:
    """The rarest words of a sequence, of which any match has one; none where it may do without."""
    return max(_choices(parts, folds=folds), key=_rarity, default=frozenset())


def _rarity(words: Words) -> tuple[int, int]:
    return min(_LONG, *map(len, words)) if words else 0, -len(words)


def _choices(parts: Iterable[tuple[Any, Any]], *, folds: bool) -> Iterator[Words]:
    run: list[int] = []
    for kind, value in parts:
        code = _code(value, folds=folds) if str(kind) == "LITERAL" else None
        if code is not None:
            run.append(code)
            continue
        yield _word(run)
        run = []
        yield _within(str(kind), value, folds=folds)
    yield _word(run)


def _code(code: int, *, folds: bool) -> int | None:
    if not folds:
        return code
    return ord(chr(code).lower()) if code < 0x80 else None


def _word(run: list[int]) -> Words:
    return frozenset([tuple(run)]) if len(run) >= _SHORTEST else frozenset()


def _within(kind: str, value: Any, *, folds: bool) -> Words:
    """The words of a part that has parts of its own."""
    if kind == "SUBPATTERN" and (folds or not value[1] & re.IGNORECASE):
        return _needed(value[3], folds=folds)
    if kind == "ATOMIC_GROUP":
        return _needed(value, folds=folds)
    if kind in _REPEATS and value[0]:
        return _needed(value[2], folds=folds)
    if kind == "BRANCH":
        each = [_needed(branch, folds=folds) for branch in value[1]]
        return frozenset().union(*each) if all(each) else frozenset()
    return frozenset()
