"""`k8s.secretRef`: lets the variables of a workload that come from one Secret come from another.

References only: no value is read or written. Whole Secrets (`envFrom`) and volumes are refused, since what the other
Secret holds besides is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from vops.planning.changes import patch_change
from vops.planning.patches import Document, Edit
from vops.planning.pointers import join
from vops.runbooks.kinds import Changes, Group, RefArg, View

KIND = "k8s.secretRef"
GROUP = Group.CHANGE
_LISTS = ("initContainers", "containers")


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    ref: RefArg
    """The Deployment or StatefulSet."""
    secret: str
    """The Secret that its variables come from."""
    to: dict[str, str]
    """The Secret and key that they shall come from, as a secretKeyRef."""


def plan(args: Args, view: View) -> Changes:
    """One patch, or none when nothing of it comes from that Secret. Raises ValueError for what cannot be moved."""
    document = view.document(args.ref.ref)
    pod = document["spec"]["template"]["spec"]
    if _whole(pod, args.secret):
        raise ValueError(f"{args.ref.ref} takes all of Secret {args.secret}, or mounts it")
    edits = [Edit(join(path), dict(args.to)) for path in _places(pod, args.secret)]
    change = patch_change(document, edits, f"Take the token from Secret {args.to['name']}")
    return () if change is None else (change,)


def _places(pod: Document, secret: str) -> Iterator[tuple[str, ...]]:
    """Where a secretKeyRef names the Secret."""
    for name in _LISTS:
        for at, container in enumerate(pod.get(name, ())):
            for number, item in enumerate(container.get("env", ())):
                found = item.get("valueFrom", {}).get("secretKeyRef", {})
                if found.get("name") == secret:
                    where = ("spec", "template", "spec", name, str(at), "env", str(number))
                    yield (*where, "valueFrom", "secretKeyRef")


def _whole(pod: Document, secret: str) -> bool:
    containers = [item for name in _LISTS for item in pod.get(name, ())]
    sources: list[Any] = [source for item in containers for source in item.get("envFrom", ())]
    mounted = any(volume.get("secret", {}).get("secretName") == secret for volume in pod.get("volumes", ()))
    return mounted or any(source.get("secretRef", {}).get("name") == secret for source in sources)
