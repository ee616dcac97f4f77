"""`notify`: tells a channel (a chat's webhook) one sentence while the run goes on; nothing is sent by a plan.

The channel's address is in the environment variable `VOPS_NOTIFY_<CHANNEL>` of whoever runs it, never in the runbook.
That nobody could be told does not fail the run, unless the step says `onFail: stop`.

A channel is told at least once, and once as a rule: a run that is resumed does not tell again what it knows to be
told. One that was killed while it told, or whose `retry` follows a lost answer, cannot know, and tells again. Both
messages end with the same `RUN/STEP`, which is sent as the header `Idempotency-Key` too, for a receiver that can drop
the second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from vops.errors import VopsError
from vops.model.secrets import mask
from vops.planning.plan import OnFail
from vops.runbooks.kinds import Group, Outcome, Ports, StepFault

KIND = "notify"
GROUP = Group.WAIT
OUTPUTS = {"sent": "bool"}
ON_FAIL = OnFail.CONTINUE
TIMEOUT = "30s"
LONGEST = 2000
_CHANNEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    channel: str
    """The channel's name, in lower case: `oncall` is where VOPS_NOTIFY_ONCALL says."""
    say: str
    """What to tell. It may speak of what was measured; it holds no secret."""


def complaint(args: Mapping[str, Any]) -> str:
    """A name that no variable could have."""
    channel = str(args.get("channel", ""))
    named = "${" in channel or _CHANNEL.fullmatch(channel)
    return "" if named else f"has the channel {channel!r}, and a name is lower-case words with dashes"


def says(args: Args) -> tuple[str, ...]:
    """What a plan says of it."""
    return (f"Tells {args.channel}: {args.say.strip()}",)


async def run(args: Args, ports: Ports) -> Outcome:
    """Whether it was sent. Raises StepFault when the channel has no address, or does not take it."""
    if ports.notify is None:
        return Outcome({"sent": False}, (f"the lab tells nobody; {args.channel} would read: {args.say.strip()}",))
    try:
        await ports.notify(args.channel, _signed(str(mask(args.say.strip())), ports.key), ports.key)
    except VopsError as error:
        raise StepFault(str(error), reason="NotTold", hint=error.hint) from error
    return Outcome({"sent": True}, (f"told {args.channel}",))


def _signed(text: str, key: str) -> str:
    """The text with what says whose it is, and whether one has read it before."""
    sign = f" [vops {key}]"
    return text[: LONGEST - len(sign)] + sign
