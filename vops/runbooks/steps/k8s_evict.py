"""`k8s.evict`: takes pods of vLLM away through the Eviction API, which asks their disruption budgets first.

A budget that forbids it now is a reason to try again (`retry`), not to delete the pod. Pods without a controller are
refused, since nobody would make them anew, and so are pods that do not run vLLM.
"""

from __future__ import annotations

import msgspec

from vops.diagnosis.facts import Replica
from vops.model.objects import Ref
from vops.planning.changes import evict_change
from vops.runbooks.kinds import Changes, Group, RefArg, View

KIND = "k8s.evict"
GROUP = Group.CHANGE
RIGHTS = ("get pods", "create pods/eviction")
IRREVERSIBLE = True


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pods: tuple[RefArg, ...]
    """The pods."""


def plan(args: Args, view: View) -> Changes:
    """One eviction a pod; none for one that is gone."""
    replicas = {(item.namespace, item.name): item for item in view.facts.replicas}
    found = ((pod, replicas.get((pod.namespace, pod.name))) for pod in args.pods)
    return tuple(
        evict_change(_evictable(pod, replica), f"Evict {pod.name}", unrestorable="the container's state and logs")
        for pod, replica in found
        if replica is None or replica.pod.metadata.deletion_timestamp is None
    )


def _evictable(pod: RefArg, replica: Replica | None) -> Ref:
    """The pod's present incarnation. Raises ValueError for one that vops leaves alone."""
    if replica is None:
        raise ValueError(f"{pod.ref} is not there, or does not run vLLM")
    if replica.owner is None:
        raise ValueError(f"{pod.ref} has no controller, so nobody would make it anew")
    if pod.uid and pod.uid != replica.pod.metadata.uid:
        raise ValueError(f"{pod.ref} was made anew since")
    return replica.ref
