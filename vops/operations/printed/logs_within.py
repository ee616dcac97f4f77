"""Logs within what kubectl prints, or beside it in somebody's text: what looks like one, where it begins and ends."""

from __future__ import annotations

import re
from textwrap import dedent

from vops.diagnosis.logs.claims import known
from vops.diagnosis.logs.components import Component, component_of
from vops.diagnosis.logs.fatal_lines import failure_in
from vops.model.patterns import lazy_pattern

_OF_A_LOG = lazy_pattern(
    r"^(?:\([A-Za-z][\w-]{0,40} (?:pid|ip|rank)=|(?:INFO(?!: \S)|WARNING|ERROR|DEBUG|CRITICAL)(?::|\s+\d\d-\d\d )"
    r"|(?!error: )[\w. -]{1,60}: error: (?:argument |unrecognized arguments: |the following arguments )"
    r"|Traceback \(most |.{0,80}\bNVRM: (?:Xid|GPU|The NVIDIA GPU)\b"
    r"|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d |\((?:autoscaler|scheduler|raylet) \+"
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:|time=\"?\d{4}|[IWEF]\d{4} \d\d:)",
    re.MULTILINE,
)
_ERROR_LINE = lazy_pattern(r"^(?:[A-Za-z_][\w.]{0,200})?(?:Error|Exception|Interrupt)\b[:(]", re.MULTILINE)
_RAISED = lazy_pattern(r"[A-Za-z_][\w.]{0,200}(?:Error|Exception|Interrupt)\b[:(]")
_QUALIFIED = lazy_pattern(r"(?:[a-z_]\w{0,60}\.){1,8}[A-Z]\w{0,60}: ")
"""A class with its module: nobody but Python writes that at the beginning of a line."""

_BEGINS_AS_PROGRAMS_DO = lazy_pattern(
    r"\s*(?:\S{1,200}:|exec |terminate |[\w.]{1,200}(?:Error|Exception)\b|\W|[A-Z][a-z]+ (?:fault|error|instruction)"
    r"|Fatal |double |corrupted |malloc|munmap|Memory |Killed|Could not|ERROR|wget|curl|fatal)"
)
"""And not as a sentence does that somebody wrote."""

_REFUSED = lazy_pattern(r"(?i:connection refused)")
_LONGEST_PROSE = 4_000
_NEXT_OBJECT = lazy_pattern(r"^ {0,12}Name:(?: {2,}|\t+)\S", re.MULTILINE)
_NEXT_PRINTED = lazy_pattern(
    r"^(?:(?:Name|Events|Containers|Conditions|Volumes):|NAME +READY|[^\n]{0,80}[$#❯➜%>] +(?:kubectl|oc|k) )",
    re.MULTILINE,
)
_HEADING = lazy_pattern(
    r"(?i:[^\w\n]{0,6}(?:[\w/.-]{1,40} ){0,4}logs?\b[^:\n]{0,40}:?[^\w\n]{0,6}$)"
    r"|.{0,80}(?:kubectl|oc|k) (?:-n \S{1,63} )?logs "
)
_QUOTED = lazy_pattern(r"[\"'`]([^\"'`\n]{8,400})[\"'`]")
_PRINTED = lazy_pattern(r"\s|(?:Normal|Warning)\s|Type\s+Reason|[A-Z][\w ]{0,40}:\s*$|\d{1,4}[smhd]\b")
"""Lines of descriptions and of tables of events."""


def looks_like_a_log(head: str) -> bool:
    """Whether a text has lines as loggers write them, or an exception."""
    return has_log_lines(head) or component_of(head) is not Component.VLLM


def has_log_lines(head: str) -> bool:
    """Whether a text has a line as vLLM's logger or another one writes it, or one with an exception."""
    return _OF_A_LOG.search(head) is not None or _ERROR_LINE.search(head) is not None


def quotes_a_failure(text: str) -> bool:
    """Whether a short text has a line with words that some rule knows as a failure's.

    That a connection was refused is said of every failure, and tells none.
    """
    text = _REFUSED.sub("", text)
    return len(text) <= _LONGEST_PROSE and any(map(_of_a_failure, text.splitlines()))


def _of_a_failure(line: str) -> bool:
    """Whether some rule knows a line as a failure's, by its words or by what kind of line it is."""
    if known(line):
        return True
    told = failure_in(line.strip()) if _BEGINS_AS_PROGRAMS_DO.match(line) else None
    return told is not None and known(": ".join(told))


def log_within(text: str) -> str:
    """The log that somebody pasted behind a description or events; empty where there is none."""
    begins = _OF_A_LOG.search(text)
    if begins is not None:
        after = _NEXT_OBJECT.search(text, begins.start())
        return text[begins.start() : after.start() if after is not None else len(text)]
    at = _failure_within(text) if len(text) <= _LONGEST_PROSE else None
    said = _in_a_sentence(text[:_LONGEST_PROSE])
    if at is None or (said and said in text[at:].partition("\n")[0]):
        return said
    after = _NEXT_PRINTED.search(text, at)
    return dedent(text[at : after.start() if after is not None else len(text)])


def _in_a_sentence(text: str) -> str:
    """What somebody says that `kubectl logs` gave, in quotation marks; empty where no rule knows such words."""
    spans = (span for line in text.splitlines() if _HEADING.match(line) for span in _QUOTED.findall(line))
    return next(filter(_of_a_failure, spans), "")


def _failure_within(text: str) -> int | None:
    """Where lines begin that some rule knows as a failure's: an exception, or what stands below `Logs:`."""
    at, headed = 0, False
    for line in text.splitlines(keepends=True):
        own = line.strip("` \n")
        raised = _RAISED.match(own) is not None and not _PRINTED.match(line)
        sure = (headed and raised) or _QUALIFIED.match(own) is not None
        if own and (sure or ((headed or raised) and _of_a_failure(own))):
            return at
        headed = (headed and (not own or not _PRINTED.match(line))) or _HEADING.match(line) is not None
        at += len(line)
    return None
