"""`k8s.rollout`: what `kubectl rollout` does to a workload: restart, pause, resume, and undo to an older template.

Undo takes the template of the newest older ReplicaSet that the Deployment controls, or that of the asked revision; it
brings back neither replicas nor strategy, ConfigMaps or volumes, as kubectl's does not.
"""

from __future__ import annotations

import copy
from typing import Literal

import msgspec

from vops.model.objects import Ref
from vops.model.resources import Workload
from vops.planning.changes import patch_change
from vops.planning.patches import Document, Edit
from vops.planning.pointers import ABSENT
from vops.planning.progress import REVISION
from vops.runbooks.kinds import Changes, Group, RefArg, StepFault, View

KIND = "k8s.rollout"
GROUP = Group.CHANGE
RIGHTS = ("get ref", "patch ref")
PERHAPS = ("get replicasets",)
RESTARTED = "kubectl.kubernetes.io/restartedAt"
HASH = "pod-template-hash"


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The Deployment, or for `restart` also a StatefulSet."""
    do: Literal["restart", "pause", "resume", "undo"]
    """What to do."""
    revision: int = 0
    """For `undo`: the revision to go back to; 0 for the one before the present one."""


def plan(args: Args, view: View) -> Changes:
    """One patch; none when it is paused, or not paused, already."""
    document = view.document(args.ref.ref)
    if args.do != "restart" and args.ref.kind != "Deployment":
        raise StepFault(f"{args.do} is for Deployments, and {args.ref.ref} is none")
    edits, summary = _edits(args, view, document)
    change = patch_change(document, edits, summary)
    return () if change is None else (change,)


def _edits(args: Args, view: View, document: Document) -> tuple[list[Edit], str]:
    if args.do == "pause":
        return [Edit("/spec/paused", True)], "Pause the rollout"
    if args.do == "resume":
        return [Edit("/spec/paused", ABSENT)], "Let the rollout go on"
    if document["spec"].get("paused"):
        raise StepFault(f"{args.ref.ref} is paused", hint="let its rollout go on first: kubectl rollout resume")
    if args.do == "restart":
        annotations = dict((document["spec"]["template"]["metadata"] or {}).get("annotations") or {})
        annotations[RESTARTED] = view.snapshot.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return [Edit("/spec/template/metadata/annotations", annotations)], "Restart every pod, as the strategy allows"
    return _undo(args, view, document)


def _undo(args: Args, view: View, document: Document) -> tuple[list[Edit], str]:
    chosen = _older(args, view, document)
    found = view.find(Ref("ReplicaSet", chosen.metadata.name, chosen.metadata.namespace))
    if found is None:
        raise StepFault(f"replicaset/{chosen.metadata.name} is gone since")
    template = copy.deepcopy(found["spec"]["template"])
    template["metadata"].get("labels", {}).pop(HASH, None)
    template["metadata"].pop("creationTimestamp", None)
    wanted = {**template, "metadata": {**document["spec"]["template"]["metadata"], **template["metadata"]}}
    if "annotations" not in template["metadata"]:
        wanted["metadata"].pop("annotations", None)
    number = _revision(chosen)
    return [Edit("/spec/template", wanted)], f"Go back to the template of revision {number}"


def _older(args: Args, view: View, document: Document) -> Workload:
    """The ReplicaSet whose template to go back to."""
    uid, present = document["metadata"]["uid"], _number(document["metadata"].get("annotations") or {})
    mine = [item for item in view.snapshot.replicasets if _owner(item) == uid]
    wanted = range(args.revision, args.revision + 1) if args.revision else range(present)
    older = [item for item in mine if _revision(item) in wanted]
    if not older:
        known = ", ".join(str(number) for number in sorted(map(_revision, mine)))
        raise StepFault(f"{args.ref.ref} has no such older revision; it keeps {known or 'none'}")
    return max(older, key=_revision)


def _owner(item: Workload) -> str:
    return item.metadata.controller.uid if item.metadata.controller else ""


def _revision(item: Workload) -> int:
    return _number(item.metadata.annotations)


def _number(annotations: dict[str, str]) -> int:
    text = annotations.get(REVISION, "")
    return int(text) if text.isdigit() else 0
