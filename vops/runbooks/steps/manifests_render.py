"""`manifests.render`: objects from the manifest library, as `vops render` prints them, for `k8s.ensure` to apply."""

from __future__ import annotations

from typing import Any

import msgspec

from vops.errors import VopsError
from vops.library import manifest_files
from vops.manifests.render import render
from vops.manifests.values import Asked, library_values
from vops.runbooks.kinds import Group, Outcome, StepFault, View

KIND = "manifests.render"
GROUP = Group.LOOK
OUTPUTS = {"objects": "list", "kinds": "list"}
DEPLOY = "deploy"


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
    return Outcome({"objects": kept, "kinds": [item["kind"] for item in kept]}, ())
