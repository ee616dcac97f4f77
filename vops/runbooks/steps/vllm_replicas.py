"""`vllm.replicas`: the vLLM pods of a workload, a node or a namespace, for later steps to do something about each."""

from __future__ import annotations

from typing import Literal

import msgspec

from vops.diagnosis.facts import Replica
from vops.runbooks.kinds import Group, Outcome, RefArg, View

KIND = "vllm.replicas"
GROUP = Group.LOOK
OUTPUTS = {"pods": "list", "workloads": "list", "unowned": "string", "count": "int"}
_CHANGEABLE = ("Deployment", "StatefulSet")


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg | None = None
    """Those of this Deployment or StatefulSet; of any without one."""
    node: str = ""
    """Those on this node; on any without one."""
    namespace: str = ""
    """Those of this namespace; of any without one."""
    name: str = ""
    """The one of this name; any without one."""
    phase: Literal["", "Failed", "Running"] = ""
    """Those in this phase; in any without one."""


def look(args: Args, view: View) -> Outcome:
    """`pods` that a controller makes anew, the `workloads` that they are of, and the names of those `unowned`."""
    found = [item for item in view.facts.replicas if _is_meant(item, args)]
    owned = [item for item in found if item.owner is not None and item.owner.kind in _CHANGEABLE]
    workloads = {item.owner: None for item in owned if item.owner is not None}
    outputs = {
        "pods": [_named(item) for item in owned],
        "workloads": [{"kind": ref.kind, "name": ref.name, "namespace": ref.namespace} for ref in workloads],
        "unowned": ", ".join(item.name for item in found if item not in owned),
        "count": len(owned),
    }
    names = ", ".join(item.name for item in owned)
    return Outcome(outputs, (_said(len(owned), names),))


def _is_meant(replica: Replica, args: Args) -> bool:
    pod, owner = replica.pod, replica.owner
    if args.ref is not None and (owner is None or (owner.kind, owner.namespace, owner.name) != _key(args.ref)):
        return False
    asked = (
        (args.node, pod.spec.node_name),
        (args.namespace, replica.namespace),
        (args.name, replica.name),
        (args.phase, pod.status.phase),
    )
    return pod.metadata.deletion_timestamp is None and all(not wanted or wanted == has for wanted, has in asked)


def _key(ref: RefArg) -> tuple[str, str, str]:
    return ref.kind, ref.namespace, ref.name


def _named(replica: Replica) -> dict[str, str]:
    ref = replica.ref
    return {"kind": "Pod", "name": ref.name, "namespace": ref.namespace, "uid": ref.uid}


def _said(number: int, names: str) -> str:
    return f"{number} pod{'' if number == 1 else 's'} of vLLM: {names}." if number else "No such pod of vLLM."
