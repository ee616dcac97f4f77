"""What a saying is: a cause, and the signs by which a paragraph in somebody's own words tells of it."""

from __future__ import annotations

import re

import msgspec

from vops.model.patterns import lazy_pattern


class Saying(msgspec.Struct, frozen=True):
    """A cause, and the signs that a paragraph must have, all of them."""

    cause: str
    signs: tuple[re.Pattern[str], ...]
    never: re.Pattern[str] | None = None

    def is_in(self, text: str) -> bool:
        """Whether a paragraph has all of the signs, and not what speaks against the cause."""
        if self.never is not None and self.never.search(text):
            return False
        return all(sign.search(text) for sign in self.signs)


def saying(cause: str, *signs: str, never: str = "") -> Saying:
    patterns = tuple(lazy_pattern(sign, re.IGNORECASE) for sign in signs)
    return Saying(cause, patterns, lazy_pattern(never, re.IGNORECASE) if never else None)
