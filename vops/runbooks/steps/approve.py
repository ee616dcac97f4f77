"""`approve`: a person looks at what was done so far, and agrees to going on; `--yes` agrees as well.

What follows from a no is the step's `onFail`: stop, undo what the run has changed, or go on.
"""

from __future__ import annotations

import msgspec

from vops.planning.plan import Gate
from vops.runbooks.kinds import Group

KIND = "approve"
GROUP = Group.HUMAN
GATE = Gate.CONFIRM


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    say: str
    """What one agrees to, and what to look at first."""


def instruct(args: Args) -> str:
    """The question as it is shown."""
    return args.say.strip()
