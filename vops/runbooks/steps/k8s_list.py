"""`k8s.list`: the objects of a kind that a label selector finds when the plan is made, the fields that vops reads."""

from __future__ import annotations

import msgspec

from vops.model.kinds import KINDS
from vops.runbooks.asks import ListAsk
from vops.runbooks.kinds import Group, Outcome, StepFault, View

KIND = "k8s.list"
GROUP = Group.LOOK
OUTPUTS = {"items": "list", "refs": "list", "count": "int"}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    of: str
    """The kind, such as Pod."""
    namespace: str = ""
    """Where; everywhere without one."""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    """The labels that they have."""
    where: str = ""
    """A field selector, such as `spec.nodeName=gpu-1`."""


def look(args: Args, view: View) -> Outcome:
    """The objects, and what names each of them."""
    if args.of == "Secret":
        raise StepFault("a Secret's contents never enter a plan")
    selector = ",".join(f"{key}={value}" for key, value in sorted(args.labels.items()))
    kind = next((item for item in KINDS if item.kind == args.of), None)
    if kind is None:
        raise StepFault(f"vops does not know the kind {args.of!r}")
    found = view.answer(ListAsk(kind, args.namespace, selector, args.where))
    if found is None:
        raise StepFault(
            f"{kind.plural} cannot be listed: the cluster does not have them, or these credentials may not see them",
            hint=f"install what brings {kind.api_version} {kind.kind}, or run vops doctor",
        )
    items = [msgspec.json.decode(msgspec.json.encode(item)) for item in found]
    refs = [_ref(args.of, item["metadata"]) for item in items]
    return Outcome({"items": items, "refs": refs, "count": len(items)})


def _ref(kind: str, meta: dict[str, str]) -> dict[str, str]:
    named = {"kind": kind, "name": meta["name"], "namespace": meta.get("namespace", "")}
    return {**named, "uid": meta.get("uid", "")}
