"""JSON Pointers (RFC 6901): where a value stands in a document."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

Tokens = tuple[str, ...]


class Absent(Enum):
    """The value of a path that is not there; null is a value, this is none."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


def split(pointer: str) -> Tokens:
    """`/metadata/annotations/a~1b` as its tokens. Raises ValueError for a pointer that does not start with `/`."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is not a JSON pointer: it has to start with '/'")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def join(tokens: Tokens) -> str:
    """The inverse of `split`."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


def lookup(document: Any, tokens: Tokens) -> Any:
    """The value at `tokens`, or ABSENT."""
    for token in tokens:
        if isinstance(document, dict):
            document = document.get(token, ABSENT)
        elif isinstance(document, list):
            document = _item(document, token)
        else:
            return ABSENT
    return document


def _item(items: list[Any], token: str) -> Any:
    at = index(token)
    return items[at] if at is not None and at < len(items) else ABSENT


def index(token: str) -> int | None:
    """A token as a place in a list; None when it is none (`-` included)."""
    return int(token) if token.isascii() and token.isdigit() else None
