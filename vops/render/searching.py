"""A regular expression that a person typed: invalid or endless, it is taken literally, and no screen waits for it.

Python's own engine is asked where it cannot take long. What could backtrack goes to one that gives up after a time; two
times in a row, since a busy machine alone may make the first one late.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

TIMEOUTS_S = (0.02, 0.1)
SLOW_S = 0.002
PATIENCE_S = 1.0
"""How much time all slow searches of one expression may take together."""
_QUANTIFIERS = "*+?{"


class Search:
    """`remark` says in brackets why the text is not what is searched for; empty where it is."""

    def __init__(self, text: str) -> None:
        self.remark = ""
        self._literal = re.compile(re.escape(text), re.IGNORECASE)
        self._tame: re.Pattern[str] | None = None
        self._wild: regex.Pattern[str] | None = None
        self._spent_s = 0.0
        self._compile(text)

    def _compile(self, text: str) -> None:
        try:
            self._tame = re.compile(text, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError):
            self._give_up("taken literally")
            return
        if sum(map(text.count, _QUANTIFIERS)) > 1 or "(" in text:
            self._compile_wild(text)

    def _compile_wild(self, text: str) -> None:
        import regex  # the first paint shall not wait for it

        try:
            self._wild = regex.compile(text, regex.IGNORECASE)
        except regex.error:
            self._give_up("taken literally")

    def finds(self, text: str) -> bool:
        """Whether it occurs in `text`."""
        if self._wild is not None:
            return self._patiently(self._wild, text)
        return (self._tame or self._literal).search(text) is not None

    def _patiently(self, wild: regex.Pattern[str], text: str) -> bool:
        began = time.perf_counter()
        for timeout_s in TIMEOUTS_S:
            try:
                found = wild.search(text, timeout=timeout_s) is not None
            except TimeoutError:
                continue
            self._count(time.perf_counter() - began)
            return found
        self._give_up("too slow, taken literally")
        return self.finds(text)

    def _count(self, took_s: float) -> None:
        if took_s > SLOW_S:
            self._spent_s += took_s
        if self._spent_s > PATIENCE_S:
            self._give_up("too slow, taken literally")

    def _give_up(self, remark: str) -> None:
        self.remark, self._tame, self._wild = f" ({remark})", None, None


@lru_cache(maxsize=64)
def search_for(text: str) -> Search:
    """The search for `text`; it remembers that it was too slow."""
    return Search(text)
