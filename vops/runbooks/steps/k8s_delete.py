"""`k8s.delete`: deletes pods that their controller will make anew.

For pods that a StatefulSet will not replace by itself: with ordered pod management it waits for a broken pod to become
ready before it updates it. Refuses pods that the named workload does not control.
"""

from __future__ import annotations

import msgspec

from vops.model.objects import Ref
from vops.planning.changes import delete_change
from vops.runbooks.kinds import Changes, Group, RefArg, View

KIND = "k8s.delete"
GROUP = Group.CHANGE
RIGHTS = ("get pods", "delete pods")
IRREVERSIBLE = True


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The workload whose pods are meant."""
    pods: tuple[RefArg, ...]
    """The pods, each with its uid."""


def plan(args: Args, view: View) -> Changes:
    """One deletion a pod."""
    mine = {replica.ref for replica in view.facts.replicas if _belongs(replica.owner, args.ref)}
    for pod in args.pods:
        if pod.ref not in mine:
            raise ValueError(f"{pod.ref} does not belong to {args.ref.ref}")
    loss = "the container's state and logs"
    return tuple(delete_change(pod.ref, f"Delete {pod.name}, to be made anew", unrestorable=loss) for pod in args.pods)


def _belongs(owner: Ref | None, workload: RefArg) -> bool:
    if owner is None:
        return False
    return (owner.kind, owner.namespace, owner.name) == (workload.kind, workload.namespace, workload.name)
