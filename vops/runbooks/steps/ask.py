"""`ask`: a value that only a person knows while the run goes on, such as which of two ways to wait; never a change's.

It decides on later steps (`if`, `assert`) and on what a later wait asks for. Without a terminal it has to be given
before the run begins (`--set STEP=VALUE`), or to have a `default`. The answer is a part of the journal, so a run that
is resumed does not ask again; a secret is named as in parameters, never typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vops.runbooks.kinds import Group
from vops.runbooks.params import TYPES, Param, flaw

KIND = "ask"
GROUP = Group.HUMAN
OUTPUTS = {"value": "any"}
_ASKED = frozenset(TYPES) - {"k8s.ref"}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    say: str
    """What is asked, and what to look at first."""
    type: str = "string"
    """A type of parameters, `k8s.ref` excepted."""
    enum: tuple[Any, ...] = ()
    """The answers there are."""
    match: str = ""
    """A regular expression that the answer matches as a whole."""
    min: float | None = None
    """The least number."""
    max: float | None = None
    """The greatest number."""
    default: Any = None
    """The answer where nobody is asked."""


def complaint(args: Mapping[str, Any]) -> str:
    """A type that is none, or a default that could not be an answer."""
    written = {key: value for key, value in args.items() if key != "say"}
    if "${" in str(written):
        return ""
    kind = written.get("type", "string")
    if kind not in _ASKED:
        return f"has the type {kind!r}; known are: {', '.join(sorted(_ASKED))}"
    try:
        wrong = flaw(msgspec.convert({"type": kind, **written}, Param))
    except msgspec.ValidationError:
        return ""  # its types are checked by themselves, and with their line
    return f"asks for what cannot be: {wrong}" if wrong else ""


def instruct(args: Args) -> str:
    """The question as it is shown."""
    return args.say.strip()


def wanted(args: Args) -> Param:
    """What an answer has to be."""
    return Param(args.type, args.say.strip(), args.default, False, args.enum, args.match, args.min, args.max)
