"""Regular expressions that are compiled when they are first used, and a quicker way to look for words.

A diagnosis loads every rule and asks a few. Compiling the patterns of all of them at import took a seventh of
`vops diagnose POD`, and would take more with every rule.

A pattern that is searched for again and again learns which words a text must have for it.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Generic, cast

from vops.model.needles import Search, quicker

_OFTEN = 100
"""Searches after which a pattern is read for its words: that takes as long as compiling it."""


class _Lazy(Generic[AnyStr]):
    """Stands for a compiled pattern: whatever is asked of it, that one answers."""

    def __init__(self, source: AnyStr, flags: int) -> None:
        self._source: AnyStr = source
        self._flags = flags

    @property
    def pattern(self) -> AnyStr:
        """The source, so that patterns can be put together without compiling any."""
        return self._source

    def __getattr__(self, name: str) -> Any:
        pattern = re.compile(self._source, self._flags)
        answer = self._learning(pattern) if name == "search" else getattr(pattern, name)
        setattr(self, name, answer)
        return answer

    def _learning(self, pattern: re.Pattern[AnyStr]) -> Search[AnyStr]:
        """The pattern's `search`, which becomes a quicker one once it was used so often that this pays."""
        search, left = pattern.search, _OFTEN

        def counted(text: AnyStr, *within: int) -> re.Match[AnyStr] | None:
            nonlocal left
            left -= 1
            if not left:
                self.search = quicker(pattern)
            return search(text, *within)

        return counted


def lazy_pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` gives, for its methods and attributes; the functions of `re` do not take it."""
    return cast("re.Pattern[AnyStr]", _Lazy(source, flags))


def holds_any(text: str, words: tuple[str, ...]) -> bool:
    """Whether one of the words is in the text: for the lines of logs, where a generator would take most of the time."""
    for word in words:  # noqa: SIM110  any() with a generator takes more than twice as long
        if word in text:
            return True
    return False
