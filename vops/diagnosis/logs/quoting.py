"""What of a failure is quoted to a reader: the lines that a rule found it in, without the marks of a tracker.

Rules look at the whole of what was pasted, since a sentence may go on in the next line; who reads the answer wants the
sentence alone. Nothing here decides what a failure is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from vops.diagnosis.logs.tracebacks import LoggedError
from vops.model.patterns import lazy_pattern

_HEAD = lazy_pattern(r"(?:#{1,6} |> ?|[-*] (?=\w))+")
_BOLD = lazy_pattern(r"(?<!\S)(\*\*|__)(?=\S)(.{1,400}?)(?<=[^\s*_])\1(?=[\s.,:;!?)]|$)")
_FENCE = lazy_pattern(r"`{3,}")
_LEAST = 8
"""As many characters of a line, at least, tell that a message begins within it."""


def cited(error: LoggedError, match: re.Match[str]) -> LoggedError:
    """A failure with only those of its lines that `match` lies in, as a reader wants it quoted."""
    shift = len(error.type) + 2
    start, end = match.start() - shift, match.end() - shift
    found = [item for item in _places(error) if item[1] < end and start < item[2]]
    if not found:
        return msgspec.structs.replace(error, message=plain_words(error.message))
    number, first, last = found[0]
    for after, _, end in found[1:]:
        if after > number + 1:  # a paragraph of its own
            break
        last = end
    return msgspec.structs.replace(error, line=number, message=plain_words(error.message[first:last]))


def _places(error: LoggedError) -> Iterator[tuple[int, int, int]]:
    """The number of each line, and from where to where it stands in the message."""
    at = 0
    for number, text in error.parts:
        begin = error.message.find(text, at)
        if begin < 0 and not at:
            rest = _begun_in(text, error.message)
            begin, text = (0, rest) if rest else (begin, text)
        if begin >= 0:
            at = begin + len(text)
            yield number, begin, at


def _begun_in(text: str, message: str) -> str:
    """The end of a line that a message begins with, nothing where it does not."""
    ends = (text[start:] for start in range(max(0, len(text) - _LEAST)))
    return next((end for end in ends if message.startswith(end)), "")


def plain_words(text: str) -> str:
    """A text without the marks of Markdown around it: headings, quotations, bold words, and code that is left open."""
    text = _BOLD.sub(r"\2", _FENCE.sub("", text[_head(text) :])).strip().removeprefix("` ")
    if text.count("`") % 2:
        text = text.removeprefix("`") if text.startswith("`") else text.removesuffix("`")
    elif text.count("`") == 2 and text.startswith("`") and text.endswith("`"):
        text = text.strip("`")
    return text.strip()


def _head(text: str) -> int:
    found = _HEAD.match(text)
    return found.end() if found is not None else 0
