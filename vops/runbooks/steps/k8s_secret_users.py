"""`k8s.secretUsers`: the Deployments and StatefulSets whose pods get something from a Secret, and how.

Reads pod templates only, never the Secret. A variable is read once, when its container starts, so these are what has
to start anew when the Secret's content changes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.model.pods import Container, PodSpec
from vops.model.resources import Workload
from vops.runbooks.kinds import Group, Outcome, View

KIND = "k8s.secretUsers"
GROUP = Group.LOOK
OUTPUTS = {"users": "list", "count": "int"}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret: str
    """The Secret's name."""
    namespace: str
    """Its namespace."""


def look(args: Args, view: View) -> Outcome:
    """`users`, each with `ref` and `replicas`; those scaled to none are left out: they read it when they start."""
    snapshot = view.snapshot
    kinds = {"Deployment": snapshot.deployments, "StatefulSet": snapshot.statefulsets}
    users = [
        {"ref": {"kind": kind, "name": item.metadata.name, "namespace": args.namespace}, "how": how}
        for kind, items in kinds.items()
        for item in sorted(items, key=lambda item: item.metadata.name)
        if item.metadata.namespace == args.namespace and (how := _how(item.spec.template.spec, args.secret))
        if _wanted(item)
    ]
    names = ", ".join(f"{_ref(user)} ({user['how']})" for user in users)
    says = f"Secret {args.secret} is used by {names}." if users else f"Nothing that runs uses Secret {args.secret}."
    return Outcome({"users": users, "count": len(users)}, (says,))


def _ref(user: dict[str, Any]) -> str:
    return f"{user['ref']['kind'].lower()}/{user['ref']['name']}"


def _wanted(item: Workload) -> bool:
    return item.spec.replicas != 0


def _how(spec: PodSpec, secret: str) -> str:
    """The variables and volumes that come from it, in words; empty when none do."""
    found = [how for item in (*spec.init_containers, *spec.containers) for how in _variables(item, secret)]
    found += [
        f"volume {volume.name}"
        for volume in spec.volumes
        if (volume.secret or {}).get("secretName") == secret or _projected(volume.projected, secret)
    ]
    return ", ".join(dict.fromkeys(found))


def _variables(container: Container, secret: str) -> list[str]:
    found = [
        item.name
        for item in container.env
        if item.value_from is not None
        and item.value_from.secret_key_ref is not None
        and item.value_from.secret_key_ref.get("name") == secret
    ]
    whole = any((source.get("secretRef") or {}).get("name") == secret for source in container.env_from)
    return [*found, *(["all of it"] if whole else [])]


def _projected(projected: dict[str, Any] | None, secret: str) -> bool:
    sources = (projected or {}).get("sources") or ()
    return any((source.get("secret") or {}).get("name") == secret for source in sources)
