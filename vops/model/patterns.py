"""Regular expressions that are compiled when they are first used, and a quicker way to look for words.

A diagnosis loads every rule and asks a few. Compiling the patterns of all of them at import took a seventh of
`vops diagnose POD`, and would take more with every rule.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Generic, cast


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
        answer = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, answer)
        return answer


def lazy_pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` gives, for its methods and attributes; the functions of `re` do not take it."""
    return cast("re.Pattern[AnyStr]", _Lazy(source, flags))


def holds_any(text: str, words: tuple[str, ...]) -> bool:
    """Whether one of the words is in the text: for the lines of logs, where a generator would take most of the time."""
    for word in words:  # noqa: SIM110  any() with a generator takes more than twice as long
        if word in text:
            return True
    return False
