"""`k8s.wait`: looks at one object until a condition on it holds, or one that says it never will."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from vops.errors import NotFound
from vops.planning.changes import kind_of
from vops.planning.patches import Document
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, StepFault
from vops.runbooks.waiting import Stall, Watch

KIND = "k8s.wait"
GROUP = Group.WAIT
RIGHTS = ("get ref",)
PAUSE_S = 2.0


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    ref: RefArg
    """The object to look at."""
    until: str = ""
    """A CEL condition on `obj`, the object as it is; a field that is not there yet means that it does not hold."""
    fail_when: str = ""
    """A CEL condition on `obj` that ends the wait as a failure."""
    on_deleted: Literal["wait", "fail", "done"] = "wait"
    """What it means when the object is not there: it may come, it was there and failed, or that is what is wanted."""
    stall: Stall | None = None
    """What has to move on meanwhile, and within which time."""
    say: str = ""
    """What is being waited for, for whoever watches."""


def complaint(args: Mapping[str, Any]) -> str:
    """A wait has to say what for."""
    return "" if args.get("until") or args.get("onDeleted") == "done" else "needs `until`, or `onDeleted: done`"


async def run(args: Args, ports: Ports) -> Outcome:
    """Returns once `until` holds. Raises StepFault when `failWhen` does, Stalled, or TimedOut at the deadline."""
    watch = Watch(ports, until=args.until, fail_when=args.fail_when, stall=args.stall)
    said = args.say or args.until or f"{args.ref.ref} to be gone"

    async def look() -> Document:
        ref = args.ref.ref
        try:
            return await ports.cluster.get(kind_of(ref), ref.name, ref.namespace)
        except NotFound:
            return {}

    while True:
        document = await ports.patiently(look, pause_s=PAUSE_S)
        if document is None:
            continue
        if not document and args.on_deleted != "wait":
            if args.on_deleted == "done":
                return Outcome(says=(f"{args.ref.ref} is gone",))
            raise StepFault(f"{args.ref.ref} is gone", reason="Deleted")
        if _is_over(watch, args, document):
            return Outcome(says=(f"{args.ref.ref}: {said}",))
        ports.say(f"waiting for {said}")


def _is_over(watch: Watch, args: Args, document: Document) -> bool:
    try:
        return watch.is_over(document)
    except StepFault as fault:
        raise StepFault(f"{args.ref.ref}: {fault}", reason=fault.reason) from fault
