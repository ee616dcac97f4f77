"""`manifests.render`: objects from the manifest library, as `vops render` prints them, for `k8s.ensure` to apply.

Says whether the nodes have GPUs for the pods that they will make now; where none has, they may still bring a new node.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from vops.diagnosis.placement.recompute import Placement
from vops.errors import VopsError
from vops.library import manifest_files
from vops.manifests.render import render
from vops.manifests.values import Asked, library_values
from vops.model.objects import Meta
from vops.model.pods import Pod, PodSpec
from vops.planning.patches import Document
from vops.runbooks.kinds import Group, Outcome, StepFault, View

KIND = "manifests.render"
GROUP = Group.LOOK
OUTPUTS = {"objects": "list", "kinds": "list"}
DEPLOY = "deploy"
_MAKES_PODS = ("Deployment", "StatefulSet")


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    render: str = DEPLOY
    """`deploy`, or the name of a stack (`vops render --help` lists them)."""
    overlays: list[str] = msgspec.field(default_factory=list)
    """Overlays over it, by name."""
    asked: dict[str, Any] = msgspec.field(default_factory=dict)
    """What to render (model, name, replicas, tensor_parallel_size, max_model_len…); null leaves the choice to vops."""
    without: list[str] = msgspec.field(default_factory=list)
    """Kinds of objects to leave out, such as PodMonitor where Prometheus has no operator."""
    namespace: str = ""
    """The namespace of the objects."""


def look(args: Args, view: View) -> Outcome:
    """The objects. Raises StepFault for what cannot be rendered."""
    given = {name: value for name, value in args.asked.items() if value is not None}
    root = "base" if args.render == DEPLOY else f"stacks/{args.render}"
    try:
        asked = msgspec.convert({**given, "namespace": args.namespace}, Asked)
        objects = render(manifest_files(), root, args.overlays, library_values(asked), args.namespace)
    except (VopsError, msgspec.ValidationError) as error:
        raise StepFault(f"cannot render {args.render}: {error}") from error
    unwanted = {kind.lower() for kind in args.without}
    kept = [item for item in objects if str(item["kind"]).lower() not in unwanted]
    outputs = {"objects": kept, "kinds": [item["kind"] for item in kept]}
    return Outcome(outputs, tuple(_rooms([item for item in kept if item["kind"] in _MAKES_PODS], view)))


def _rooms(workloads: Sequence[Document], view: View) -> Iterator[str]:
    """How many pods of each would find a node now, the ones before having taken theirs."""
    taken = 0
    for workload in workloads:
        wanted = workload["spec"].get("replicas", 1)
        places = max(0, _placement(workload, view).places - taken)
        taken += wanted
        name = workload["metadata"]["name"]
        if places >= wanted:
            yield f"There is room for {'the one pod' if wanted == 1 else f'all {wanted} pods'} of {name} now."
            continue
        whom = "its pod waits" if wanted == 1 else f"the other {wanted - places} wait" if places else "its pods wait"
        yield f"There is room for {places} of {wanted} of {name} now; {whom} for a node."


def _placement(workload: Document, view: View) -> Placement:
    """A pod of it against every node."""
    template = workload["spec"]["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    meta = Meta(namespace=workload["metadata"].get("namespace", ""), labels=labels)
    return view.facts.placement(Pod(metadata=meta, spec=msgspec.convert(template["spec"], PodSpec, strict=False)))
