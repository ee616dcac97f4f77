"""`instruct`: something that only a person can do; the run goes on once they say that it is done."""

from __future__ import annotations

import msgspec

from vops.runbooks.kinds import Group

KIND = "instruct"
GROUP = Group.HUMAN


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    say: str
    """What to do and where, with the choices there are."""


def instruct(args: Args) -> str:
    """The instruction as it is shown."""
    return args.say.strip()
