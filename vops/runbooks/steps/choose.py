"""`choose`: takes the first branch whose condition holds, gives later steps the values that it sets, or leads to one.

Decided when the plan is made, so that a reader sees the way that will be taken. What is on no way is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from vops.errors import Refused
from vops.runbooks.kinds import Group, Outcome, View

KIND = "choose"
GROUP = Group.LOOK
OUTPUTS = {"chosen": "any"}


class Branch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`if` decides, `set` is the value that `steps.<id>.chosen` takes (null to leave things as they are).

    `goto` is the step to go on with, further down.
    """

    if_: bool = msgspec.field(name="if")
    set: Any = None
    say: str = ""
    goto: str = ""


class Otherwise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds when no branch does: a value, or `fail`, which stops the plan with that sentence."""

    set: Any = None
    say: str = ""
    goto: str = ""
    fail: str = ""
    next: str = ""
    """The next command to try after `fail`."""


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    of: tuple[Branch, ...]
    """Branches, asked in order."""
    otherwise: Otherwise = msgspec.field(default_factory=Otherwise, name="else")
    """What holds when no branch does."""


def look(args: Args, view: View) -> Outcome:
    """The chosen branch's value and sentence."""
    chosen: Branch | Otherwise = next((branch for branch in args.of if branch.if_), args.otherwise)
    if isinstance(chosen, Otherwise) and chosen.fail:
        raise Refused(chosen.fail, hint=chosen.next)
    return Outcome({"chosen": chosen.set}, (chosen.say.strip(),) if chosen.say else (), goto=chosen.goto)


def gotos(args: Mapping[str, Any]) -> Iterator[str]:
    """Where its branches lead, as written; empty text for the next step."""
    otherwise = args.get("else") or {}
    branches = [*(args.get("of") or ()), *([] if otherwise.get("fail") else [otherwise])]
    yield from (str(branch.get("goto") or "") for branch in branches if isinstance(branch, Mapping))
