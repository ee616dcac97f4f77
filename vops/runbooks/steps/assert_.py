"""`assert`: conditions that have to hold before anything is changed, or about what was measured, before going on."""

from __future__ import annotations

from typing import Literal

import msgspec

from vops.errors import Refused, UsageError
from vops.runbooks.kinds import Done, Group, Outcome, View

KIND = "assert"
GROUP = Group.LOOK
LATE = True


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition (`cel`) and what to say when it does not hold.

    `level`: `error` stops the plan, `usage` too and says that what was asked for is wrong, `warn` only says it, `done`
    means that there is nothing to do.
    """

    cel: bool
    say: str = ""
    level: Literal["error", "usage", "warn", "done"] = "error"
    next: str = ""
    """The next command to try when it stops the plan."""


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    that: tuple[Claim, ...]
    """Conditions, asked in order."""


def look(args: Args, view: View) -> Outcome:
    """What the claims that do not hold have to say."""
    failed = [claim for claim in args.that if not claim.cel]
    for claim in failed:
        if claim.level == "error":
            raise Refused(claim.say, hint=claim.next)
        if claim.level == "usage":
            raise UsageError(claim.say, hint=claim.next)
        if claim.level == "done":
            raise Done(claim.say)
    return Outcome(says=tuple(claim.say for claim in failed))
