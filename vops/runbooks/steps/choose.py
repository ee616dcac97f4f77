"""`choose`: takes the first branch whose condition holds, and gives later steps the values that it sets."""

from __future__ import annotations

from typing import Any

import msgspec

from vops.errors import Refused
from vops.runbooks.kinds import Group, Outcome, View

KIND = "choose"
GROUP = Group.LOOK
OUTPUTS = {"chosen": "any"}


class Branch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`if` decides, `set` is the value that `steps.<id>.chosen` takes (null to leave things as they are)."""

    if_: bool = msgspec.field(name="if")
    set: Any = None
    say: str = ""


class Otherwise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds when no branch does: a value, or `fail`, which stops the plan with that sentence."""

    set: Any = None
    say: str = ""
    fail: str = ""


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    of: tuple[Branch, ...]
    """Branches, asked in order."""
    otherwise: Otherwise = msgspec.field(default_factory=Otherwise, name="else")
    """What holds when no branch does."""


def look(args: Args, view: View) -> Outcome:
    """The chosen branch's value and sentence."""
    chosen: Branch | Otherwise = next((branch for branch in args.of if branch.if_), args.otherwise)
    if isinstance(chosen, Otherwise) and chosen.fail:
        raise Refused(chosen.fail)
    return Outcome({"chosen": chosen.set}, (chosen.say.strip(),) if chosen.say else ())
