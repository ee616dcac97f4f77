"""`k8s.wait`: looks at one object until a condition on it holds, or one that says it never will."""

from __future__ import annotations

import msgspec

from vops.errors import NotFound
from vops.planning.changes import kind_of
from vops.planning.patches import Document
from vops.runbooks.expressions import Expression, ExpressionError, Scope, holds
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, StepFault

KIND = "k8s.wait"
GROUP = Group.WAIT
PAUSE_S = 2.0


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    ref: RefArg
    """The object to look at."""
    until: str
    """A CEL condition on `obj`, the object as it is; a field that is not there yet means that it does not hold."""
    fail_when: str = ""
    """A CEL condition on `obj` that ends the wait as a failure."""
    say: str = ""
    """What is being waited for, for whoever watches."""


async def run(args: Args, ports: Ports) -> Outcome:
    """Returns once `until` holds. Raises StepFault when `failWhen` does, TimedOut at the deadline."""
    scope = Scope({"obj": "any"})
    until = scope.compile(args.until, expected="bool")
    fail = scope.compile(args.fail_when, expected="bool") if args.fail_when else None

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
        if fail is not None and _is_so(fail, document):
            raise StepFault(f"{args.ref.ref}: {args.fail_when}", reason="Failed")
        if _is_so(until, document):
            return Outcome(says=(f"{args.ref.ref}: {args.say or args.until}",))
        ports.say(f"waiting for {args.say or args.until}")


def _is_so(condition: Expression, document: Document) -> bool:
    try:
        return holds(condition, {"obj": document})
    except ExpressionError:
        return False
