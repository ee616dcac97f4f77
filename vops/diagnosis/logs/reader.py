"""Reads a vLLM log: the phases of a start, its numbers, and the root error under the wrapper errors.

Knows the lines of vLLM 0.6 to 0.33, and which other component wrote a log that is not vLLM's. It decides nothing: rules
compare a reading with the objects around it. Reading takes time linear in the size of the log, whatever is in it, and
of a very long one only the two ends are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from vops.diagnosis.logs.components import Component, component_of, failure_of
from vops.diagnosis.logs.fragments import fragment_of, quoted
from vops.diagnosis.logs.lines import Line, line_count, log_lines
from vops.diagnosis.logs.notices import Notices
from vops.diagnosis.logs.other_engines import OtherEngines
from vops.diagnosis.logs.progress import Progress
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.roots import foretold, met_by_requests
from vops.diagnosis.logs.sentences import located
from vops.diagnosis.logs.standstills import Standstill
from vops.diagnosis.logs.tracebacks import Chain, Collector, LoggedError
from vops.model.patterns import lazy_pattern

_SAYS_NOTHING = lazy_pattern(
    r"(?:.{0,120}: )?(?:line \d+: +\d+ )?Aborted\b.{0,40}$|\d{1,3} validation errors? for \w{1,60}$", re.ASCII
)
"""A shell's word for a child that gave up: why stands above it."""

_OF_A_GUIDE = lazy_pattern(
    r"\bhow (?:do|to|can|should)\b|\b(?:avoid|prevent|fix|handle|support|improve|add|feat|feature|proposal|RFC|guide"
    r"|docs?|troubleshoot|understand)(?:e?s|ed|ing)?\b",
    re.IGNORECASE,
)
"""A heading that promises or asks for something, and reports nothing."""

_BY_THE_BOOK = (Component.VLLM, Component.RAY, Component.DOWNLOAD, Component.STORAGE_INITIALIZER)
"""What goes by vLLM's rules, and has none of its own."""


@lru_cache(maxsize=4)
def read_log(text: str) -> LogReading:
    """What a scrubbed log says; never raises, whatever the text is.

    A log is asked for more than once: as it is taken in, for its rules, and again while it stays the same.
    """
    readers = _Readers(text)
    for line in log_lines(text):
        readers.read(line)
    reading = readers.reading()
    return _with_places(reading) if reading.component in _BY_THE_BOOK else reading


class _Readers:
    """Everything that listens to the lines of one log, and what they make of it together."""

    def __init__(self, text: str) -> None:
        self._component, self._count = component_of(text), line_count(text)
        self._title = text.partition("\n")[0]
        self._progress = Progress()
        self._collector = Collector()
        self._notices = Notices(self._component)
        self._still = Standstill()
        self._others = OtherEngines()

    def read(self, line: Line) -> None:
        self._collector.read(line)
        if line.text:
            self._progress.read(line)
            self._notices.read(line)
            self._still.read(line)
            self._others.read(line)

    def reading(self) -> LogReading:
        """What the whole log says; asked once, after its last line."""
        found = self._failures()
        if self._others.ready_line is not None:
            self._progress.serves(self._others.ready_line)
        failing = self._progress.failing or self._collector.unfinished
        if not any(chain.root and not _SAYS_NOTHING.match(chain.root.message) for chain in found):
            more = self._vaguer(failing=failing)
            found = [*(chain for chain in found if not (more and chain.root)), *more]
        if self._still.told is not None and not self._progress.ready and not any(chain.root for chain in found):
            found.append(Chain((self._still.told,), (False,)))
        return self._together(found, failing=failing)

    def _failures(self) -> list[Chain]:
        """The exceptions and fatal words that the log has in so many words."""
        notices, started = self._notices, self._progress.started
        of_component = failure_of(self._component, notices.errors, self._count)
        found = [*self._collector.finish(), *notices.fatal(started=started), *of_component]
        if not (started or self._progress.ready) and (given_up := self._others.failures()):
            return [*found, *given_up] if any(item.root and item.root.frames for item in found) else given_up
        return found

    def _vaguer(self, *, failing: bool) -> list[Chain]:
        """What may have ended it where nothing says so: cut tracebacks, and complaints; a router's are of others."""
        cut = self._collector.cut()
        more = [*_titled(self._title, cut), *cut]
        if self._component is not Component.ROUTER:
            more += self._notices.loose(self._count, started=self._progress.started and not failing)
        errors = [chain.root for chain in more if chain.root is not None]
        return failure_of(self._component, errors, self._count) or more

    def _together(self, found: list[Chain], *, failing: bool) -> LogReading:
        notices = self._notices
        reading = self._progress.reading(self._count, self._component, foretold(found, notices.said), notices.said)
        failing = not reading.ready and (failing or reading.root is not None or reading.wrapper is not None)
        told = self._progress.started or reading.ready or failing or reading.engine_died or reading.terminated
        fragment = notices.fragment() or _heading(self._title) if not told and self._component in _BY_THE_BOOK else ()
        return msgspec.structs.replace(
            reading,
            last_words=(*notices.last_words(self._count), *fragment),
            failing=failing,
            fragment=fragment,
            joining_line=self._still.last_line,
            of_requests=met_by_requests(found),
        )


def _heading(title: str) -> tuple[LoggedError, ...]:
    """What the heading of a post says, where all that is below it says nothing."""
    return fragment_of((Line(1, title),)) if title.startswith("# ") and not _OF_A_GUIDE.search(title) else ()


def _titled(title: str, cut: Sequence[Chain]) -> list[Chain]:
    """The exception that the title of a post names, where the traceback below it was cut before its own."""
    if not title.startswith("# ") or not cut or (innermost := cut[0].root) is None:
        return []
    named = quoted(title, Line(1, title))[:1]
    return [Chain((msgspec.structs.replace(item, frames=innermost.frames),), (False,)) for item in named]


def _with_places(reading: LogReading) -> LogReading:
    """The same, with the place in vLLM's code where sentences are raised whose calls were not copied."""
    return msgspec.structs.replace(
        reading,
        root=located(reading.root) if reading.root is not None else None,
        chain=tuple(map(located, reading.chain)),
        others=tuple(tuple(map(located, chain)) for chain in reading.others),
        last_words=tuple(map(located, reading.last_words)),
    )
