"""Fixes as rules offer them: a runbook on the workload that owns the replica, or exact steps where there is none.

Only Deployments and StatefulSets are changed by runbooks. A bare pod cannot be changed at all, and a pod of another
controller must be changed at that controller: both get steps instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix
from vops.model.objects import Ref

CHANGEABLE = ("Deployment", "StatefulSet")


def runbook(
    replica: Replica,
    name: str,
    title: str,
    applicability: Applicability,
    params: dict[str, Any],
    *,
    by_hand: Iterable[str],
    notes: Iterable[str] = (),
) -> Fix:
    """The runbook `name` on the replica's workload; `by_hand` says the same change in words, for every other owner.

    Runbooks change containers, not init containers.
    """
    target = workload_of(replica)
    if target is None:
        return by_steps(replica, title, by_hand)
    return Fix(title, applicability, name, {**target, **params}, tuple(notes))


def operation(
    replica: Replica,
    name: str,
    title: str,
    params: dict[str, Any],
    *,
    by_hand: Iterable[str],
    notes: Iterable[str] = (),
) -> Fix:
    """A runbook that leaves the template as it is and costs something: a restart, or pods that go away."""
    target = workload_of(replica) if replica.observed else None
    if target is None:
        return advice(title, *by_hand)
    return Fix(title, Applicability.ASK, name, {**target, **params}, tuple(notes))


def drained(replica: Replica, title: str, *steps: str) -> Fix:
    """Every server moved off the replica's node, and `steps` then; by hand where the node is not known."""
    node = replica.pod.spec.node_name
    if not replica.observed or not node:
        return advice(
            title, "kubectl cordon NODE; kubectl drain NODE --ignore-daemonsets --delete-emptydir-data", *steps
        )
    params = {"namespace": replica.namespace, "node": f"node/{node}"}
    return Fix(title, Applicability.ASK, "drain-node", params, steps)


def workload_of(replica: Replica) -> dict[str, str] | None:
    """The parameters that name the replica's workload; None where no runbook can change it."""
    owner = replica.owner
    in_reach = any(item.name == replica.container.name for item in replica.pod.spec.containers)
    if owner is None or owner.kind not in CHANGEABLE or not in_reach:
        return None
    return {"namespace": replica.namespace, "target": f"{owner.kind.lower()}/{owner.name}"}


def of_object(
    runbook: str,
    title: str,
    applicability: Applicability,
    target: Ref,
    params: dict[str, Any],
    notes: Iterable[str] = (),
) -> Fix:
    """The runbook on an object of its own: an autoscaler, a Service, a monitor."""
    named = {"namespace": target.namespace, "target": f"{target.kind.lower()}/{target.name}"}
    return Fix(title, applicability, runbook, {**named, **params}, tuple(notes))


def by_steps(replica: Replica, title: str, steps: Iterable[str]) -> Fix:
    """What to do by hand, beginning with where."""
    return Fix(title, Applicability.MANUAL, steps=(_where(replica), *steps))


def advice(title: str, *steps: str) -> Fix:
    """What to do by hand somewhere else than on the workload."""
    return Fix(title, Applicability.MANUAL, steps=steps)


def namespace(replica: Replica) -> str:
    """The pod's namespace for a command; a word for it where nobody told."""
    return replica.namespace or "NAMESPACE"


def _where(replica: Replica) -> str:
    owner = replica.owner
    if not replica.observed and (owner is None or owner.kind not in CHANGEABLE):
        told = replica.log_source(previous=False) or replica.log_source(previous=True)
        return f"Change it at the workload that {'this log came from' if told else 'runs this pod'}."
    if owner is None and not replica.namespace:  # copied without its metadata
        return "Change it at the workload that runs this pod."
    if owner is None:
        read = f"kubectl -n {replica.namespace} get pod {replica.name} -o yaml"
        return (
            f"Pod {replica.name} has no controller, and a pod cannot be changed: save it ({read}), "
            "change it as below, delete it, create it again."
        )
    if owner.kind in CHANGEABLE:
        return f"Edit it: kubectl -n {replica.namespace} edit {owner.kind.lower()}/{owner.name}"
    return f"Change it at its owner, {owner.kind} {owner.name} in {replica.namespace}, not at the pod."
