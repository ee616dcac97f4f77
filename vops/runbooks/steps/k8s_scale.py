"""`k8s.scale`: gives a workload so many replicas, by whoever decides on them.

Without an autoscaler that is `spec.replicas`. With one (an HPA, or the ScaledObject behind it) its bounds are moved, as
it would set the replicas right back: the minimum up, or the maximum down.
"""

from __future__ import annotations

import msgspec

from vops.diagnosis.subjects import ScalerFacts
from vops.model.objects import Ref
from vops.model.scaling import HorizontalPodAutoscaler
from vops.planning.changes import Change, patch_change
from vops.planning.patches import Document, Edit
from vops.runbooks.kinds import Changes, Group, RefArg, StepFault, View

KIND = "k8s.scale"
GROUP = Group.CHANGE
RIGHTS = ("get ref", "list horizontalpodautoscalers")
PERHAPS = ("patch ref", "patch horizontalpodautoscalers", "list scaledobjects", "patch scaledobjects")


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The Deployment or StatefulSet."""
    replicas: int
    """How many it shall have."""


def plan(args: Args, view: View) -> Changes:
    """The change to the workload, or to what scales it; none when it is as wished."""
    if args.replicas < 0:
        raise StepFault(f"{args.replicas} is no number of replicas")
    scaler = next((item for item in view.facts.scalers if _scales(item, args.ref)), None)
    change = _own(args, view) if scaler is None else _bounds(args, scaler, view)
    return () if change is None else (change,)


def _scales(scaler: ScalerFacts, ref: RefArg) -> bool:
    target = scaler.target
    return (target.kind or "Deployment", scaler.namespace, target.name) == (ref.kind, ref.namespace, ref.name)


def _own(args: Args, view: View) -> Change | None:
    document = view.document(args.ref.ref)
    return patch_change(document, [Edit("/spec/replicas", args.replicas)], f"Scale to {args.replicas}")


def _bounds(args: Args, scaler: ScalerFacts, view: View) -> Change | None:
    resource = scaler.resource
    kind = "HorizontalPodAutoscaler" if isinstance(resource, HorizontalPodAutoscaler) else "ScaledObject"
    names = ("minReplicas", "maxReplicas") if kind.startswith("H") else ("minReplicaCount", "maxReplicaCount")
    document = view.find(Ref(kind, scaler.name, scaler.namespace))
    if document is None:
        raise StepFault(f"the {kind} {scaler.name} that scales {args.ref.ref} is gone")
    edits = _moved(document, names, args.replicas)
    return patch_change(document, edits, f"Have {kind} {scaler.name} keep {args.replicas}")


def _moved(document: Document, names: tuple[str, str], replicas: int) -> list[Edit]:
    """Both bounds are set to the number: it is what was asked for, and the autoscaler cannot leave it."""
    if replicas == 0 and names[0] == "minReplicas":
        raise StepFault("an HPA cannot keep 0 replicas", hint="pause or delete the autoscaler, or scale to 1")
    return [Edit(f"/spec/{name}", replicas) for name in names]
