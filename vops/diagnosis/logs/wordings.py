"""Tables of what other programs say, what it means and what to do: how a rule reads a text that is no contract."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from vops.model.patterns import lazy_pattern


class Wording(msgspec.Struct, frozen=True):
    """One thing that a text can say. `{what}` in `says` and `step` is what the pattern's groups have caught.

    `definite`: no retry helps, so once is enough.
    """

    pattern: re.Pattern[str]
    says: str
    step: str
    definite: bool = False


class Reading(msgspec.Struct, frozen=True):
    """What a text says, with names filled in."""

    says: str
    step: str
    what: str = ""
    definite: bool = False


def wording(pattern: str, says: str, step: str, *, definite: bool = False) -> Wording:
    return Wording(lazy_pattern(pattern, re.IGNORECASE), says, step, definite)


def read(text: str, wordings: Iterable[Wording], **names: str) -> Reading | None:
    """The first wording that the text contains; `names` are filled into its words beside `what`."""
    for item in wordings:
        match = item.pattern.search(text)
        if match is not None:
            caught = next(filter(None, match.groups()), "")
            filled = {"what": caught or names.get("default", ""), **names}
            return Reading(item.says.format(**filled), item.step.format(**filled), caught, item.definite)
    return None
