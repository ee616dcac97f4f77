"""`k8s.placement`: where a pod that fills a claim may run, so that its consumer can mount what it leaves.

The pod asks for no GPU, and goes where the consumer goes: its selector, node affinity and tolerations, and, while the
claim is bound to no volume, a zone that has nodes for the consumer. Where no node would take such a pod, its selector
is given up and the zone kept. Says what makes it impossible; what is free inside a volume cannot be seen from outside.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.runbooks.claims import Consumer, Site
from vops.runbooks.kinds import Group, Outcome, RefArg, View

KIND = "k8s.placement"
GROUP = Group.LOOK
OUTPUTS = {
    "feasible": "bool",
    "reason": "string",
    "exists": "bool",
    "capacityBytes": "any",
    "zones": "list",
    "nodes": "int",
    "pod": "map",
}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    claim: str
    """The claim's name; it need not be there yet."""
    namespace: str
    """Its namespace."""
    like: RefArg | None = None
    """The Deployment or StatefulSet that will mount it."""
    tolerations: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """Tolerations besides those of the consumer, for clusters whose nodes are all tainted."""
    mode: str = ""
    """How a claim that is still to be made shall be mountable, such as ReadWriteMany."""
    storage_class: str | None = None
    """The class of a claim that is still to be made; without, the cluster's default."""


def look(args: Args, view: View) -> Outcome:
    """Whether there is a place, why not, and what the pod's spec has to say for it (`pod`)."""
    consumer = _consumer(args.like, view) if args.like else None
    site = Site(view, args.namespace, args.claim, args.storage_class, consumer, args.tolerations, args.mode)
    place = site.place()
    outputs: dict[str, Any] = {
        "feasible": not site.trouble and place is not None,
        "reason": site.trouble or site.why_not(),
        "exists": site.exists,
        "capacityBytes": site.capacity_bytes,
        "zones": list(site.zones),
        "nodes": len(place.nodes) if place else 0,
        "pod": place.pod if place else {},
    }
    if site.trouble or place is None:
        return Outcome(outputs)
    return Outcome({**outputs, "reason": ""}, (site.says(place), *site.doubts))


def _consumer(like: RefArg, view: View) -> Consumer:
    workload = view.facts.workload(like.kind, like.namespace, like.name)
    pods = [replica.pod for replica in workload.replicas] if workload else []
    return Consumer.of(view.document(like.ref), pods)
