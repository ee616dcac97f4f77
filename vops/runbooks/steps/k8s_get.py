"""`k8s.get`: an object as it is when the plan is made, for later steps to decide on."""

from __future__ import annotations

import msgspec

from vops.runbooks.kinds import Group, Outcome, RefArg, StepFault, View

KIND = "k8s.get"
GROUP = Group.LOOK
RIGHTS = ("get ref",)
OUTPUTS = {"found": "bool", "object": "any"}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The object."""
    optional: bool = False
    """Whether it may be missing: then `found` is false and `object` null."""


def look(args: Args, view: View) -> Outcome:
    """The object. Raises StepFault for one that is missing and may not be."""
    if args.ref.kind == "Secret":
        raise StepFault("a Secret's contents never enter a plan")
    found = view.find(args.ref.ref)
    if found is None and not args.optional:
        raise StepFault(f"{args.ref.ref} is not there")
    return Outcome({"found": found is not None, "object": found})
