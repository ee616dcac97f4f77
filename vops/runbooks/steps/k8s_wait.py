"""`k8s.wait`: looks at one object until a condition on it holds, or one that says it never will.

With `pods` it looks at the object's pods as well, and a failure is told by the cause that keeps a pod from starting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from vops.errors import NotFound
from vops.planning.changes import kind_of
from vops.planning.patches import Document
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, StepFault
from vops.runbooks.stuck import Tally, Watched, cause_of, watched_pods
from vops.runbooks.waiting import Stall, Watch

KIND = "k8s.wait"
GROUP = Group.WAIT
RIGHTS = ("get ref",)
PERHAPS = ("list pods", "list replicasets")
PAUSE_S = 2.0


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    ref: RefArg
    """The object to look at."""
    until: str = ""
    """A CEL condition on `obj`, the object as it is; a field that is not there yet means that it does not hold."""
    fail_when: str = ""
    """A CEL condition on `obj` that ends the wait as a failure."""
    fail_say: str = ""
    """A CEL text on `obj`: what is wrong then, for whoever waits; without, the condition itself is told."""
    pods: str = ""
    """Pods to look at as well: a label selector, or `new` for those of the present template of a workload.

    Conditions find them in `obj.pods`: `name`, `node`, `ready`, `restarts`, `seconds` since they were made, `remade`,
    how often another pod has come in their place, and why one cannot start in `stuck`, its CamelCase word in `reason`;
    both are empty where that cannot be said.
    """
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
    watch = Watch(ports, until=args.until, fail_when=args.fail_when, fail_say=args.fail_say, stall=args.stall)
    said = args.say or args.until or f"{args.ref.ref} to be gone"
    ref, tally = args.ref.ref, Tally(ports.clock.now())
    while True:
        found = await ports.patiently(lambda: _look(args, ports), pause_s=PAUSE_S)
        if found is None:
            continue
        document, watched = found
        if not document and args.on_deleted != "wait":
            if args.on_deleted == "done":
                return Outcome(says=(f"{ref} is gone",))
            raise StepFault(f"{ref} is gone", reason="Deleted")
        values = tally.values(watched, ports.clock.now())
        try:
            over = watch.is_over({**document, "pods": values} if args.pods else document)
        except StepFault as fault:
            cause = await cause_of(watched.pods, values, ports) or fault
            raise StepFault(f"{ref}: {cause}", reason=cause.reason, hint=cause.hint) from fault
        if over:
            return Outcome(says=(f"{ref}: {said}",))
        ports.say(f"waiting for {said}")


async def _look(args: Args, ports: Ports) -> tuple[Document, Watched]:
    """The object, empty where it is not there, and the pods that are to be looked at."""
    ref = args.ref.ref
    try:
        document = await ports.cluster.get(kind_of(ref), ref.name, ref.namespace)
    except NotFound:
        return {}, Watched()
    return document, await watched_pods(ports.cluster, ref, document, args.pods) if args.pods else Watched()
