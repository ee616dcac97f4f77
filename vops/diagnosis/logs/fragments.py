"""A few lines that nobody's logger has marked: what was pasted of something longer, or is said in a sentence.

They are the words of a failure where a rule knows them, and anybody's otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.logs.fatal_lines import failure_in
from vops.diagnosis.logs.lines import Line
from vops.diagnosis.logs.sentences import SAID, raised
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.model.patterns import lazy_pattern

_SPEAKS = lazy_pattern(
    r"error|fail|exception|core dumped|\bOOM\b|denied|cannot|can't|can not|could not|unable|not found|no such|invalid"
    r"|illegal"
    r"|unsupported"
    r"|not (?:available|compatible|supported|divisible|recognize|installed|detect(?:ed|ing)\b)"
    r"|unavailable|out of (?:\w{3,4} )?memory"
    r"|timed out|refused|missing"
    r"|must (?:be|match)|doesn't|does not|did not|has no attribute|appears to be|(?:larger|less|greater) than"
    r"|restricted|expired"
    r"|mismatch|unknown|requires|abort|segfault|exceed|too (?:large|many|small|old)|insufficient|unrecognized|broken"
    r"|unexpected|corrupt|reset by peer|closed by peer|no space|read-only|gated|Incompatible|undefined symbol"
    r"|already in use"
    r"|only supports?\b|but got|expected|should (?:have|be)|git-lfs"
    r"|No (?:CUDA|HIP|module|available|valid|model|GPU)|NIXL_ERR|marking device",
    re.IGNORECASE,
)
_OF_NO_FAILURE = lazy_pattern(
    r'NCCL INFO|" [1-3]\d\d\b|HTTP/[\d.]{1,3}" \d\d\d|(?<![=/])\b(?:INFO|DEBUG|TRACE|WARN(?:ING)?)\b'
    r"|level=(?:info|debug|warn)|\[(?:info|notice|debug|warn)\]|\d{1,3}%\||\b\w{0,20}Warning: |[Ff]alling back"
    r"|Ignore import error|(?:^|[.;,] )(?:[Nn]o|without(?: any)?) errors?\W{0,3}$|\b(?:typically|usually|generally"
    r"|often) (?:indicates?|means?)\b",
)
_PYTHON_WARNS = lazy_pattern(r"\S{1,300}\.py:\d{1,6}: \w{0,40}Warning: ")
_QUOTED = lazy_pattern(
    r"(?<![\w.])((?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception)"
    r"|(?:[a-z_]\w{0,60}\.){1,8}(?:[A-Z]\w{0,40})?(?:Timeout|Unsupported(?:Protocol)?|TooManyRedirects"
    r"|Invalid\w{0,12}URL"
    r"|NotFound|Forbidden)): (.{4,1500})",
    re.ASCII | re.DOTALL,
)
_REFUSED = lazy_pattern(
    r"\berror: ((?:argument -|unrecognized arguments: |the following arguments are required).{2,1500})", re.DOTALL
)
_ENDED = lazy_pattern(r"(?:Segmentation fault|Bus error|Illegal instruction|Aborted) ?\(core dumped\)")
"""How a shell tells that a program crashed, wherever in a sentence it stands."""

_OF_A_FORM = lazy_pattern(
    r"#{1,6} \W{0,4}(?:Describe the (?:bug|issue)|(?:To )?Reproduc\w+|(?:Your current )?Environment|Expected behavior"
    r"|System Info|Checklist|(?:Relevant )?log output|What happened|Additional context|Logs?|Error)\W{0,3}$",
    re.IGNORECASE,
)
"""What the forms of trackers head their parts with."""

_SPAN = lazy_pattern(r"(?<!`)`([^`]{4,400})`(?!`)")
"""What Markdown marks as code within a sentence."""

LONGEST = 12
"""How many lines a text has at most that may be a piece of something longer."""

_QUIET = ("DEBUG", "INFO", "WARNING")
_WARNING_LINES = 4


def fragment_of(bare: Sequence[Line]) -> tuple[LoggedError, ...]:
    """What a few lines say, the likeliest first; nothing where they are too many, or speak of no failure."""
    lines = [line for line in _unwarned(bare) if line.level not in _QUIET]
    lines = [line for line in lines if not (_OF_NO_FAILURE.search(line.text) or _OF_A_FORM.match(line.text))]
    if len(bare) > LONGEST or not lines:
        return ()
    first, together = lines[0], " ".join(line.text.strip() for line in lines)
    told = [*filter(None, map(failure_in, _SPAN.findall(together)))]
    told += [("Signal", match[0]) for match in _ENDED.finditer(together)]
    told += [(SAID, text) for text in dict.fromkeys((together, *(line.text for line in lines)))]
    said = (*quoted(together, first), *(logged(kind, text, first) for kind, text in told))
    spoken = speaks(together)
    parts = tuple((line.number, without_secrets(line.text.strip().rstrip("`"))) for line in lines)
    found = (msgspec.structs.replace(item, parts=parts) for item in map(raised, said) if spoken or item.frames)
    return tuple(found)


def speaks(text: str) -> bool:
    """Whether a text has a word that failures have."""
    return _SPEAKS.search(text) is not None


def _unwarned(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines without those that a warning of Python's goes on in, up to the code that it came out of."""
    rest = 0
    for line in lines:
        if _PYTHON_WARNS.match(line.text):
            rest = _WARNING_LINES
        elif rest and not line.level:
            rest = 0 if line.text[:1] in " \t" else rest - 1
        else:
            rest = 0
            yield line


def quoted(text: str, line: Line) -> tuple[LoggedError, ...]:
    """The exception, or the refusal of a command line, that stands within a sentence, if there is one."""
    if (refused := _REFUSED.search(text)) is not None:
        inside = text[: refused.start()].count("`") % 2
        message = refused[1].partition("`")[0] if inside else refused[1]
        return (logged("ArgumentError", message.strip('`" '), line),)
    found = _QUOTED.search(text)
    if found is None:
        return ()
    message = found[2].strip("` ")
    return (logged(found[1], message if message.count('"') % 2 == 0 else message.rstrip('"'), line),)


def logged(kind: str, text: str, line: Line) -> LoggedError:
    """A line as an error of a kind, without secrets and cut where it is too long."""
    return LoggedError(kind, without_secrets(text[:1_500].strip()), line.number, line.process)
