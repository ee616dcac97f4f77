"""`model.verify`: the Job that reads every byte of a seeded model again, for `k8s.ensure` and `model.follow`.

It mounts the claim read-only and needs no Hub. A Job that verifies already is followed; a finished one is not enough.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.model.quantities import format_bytes
from vops.runbooks.kinds import Group, Outcome, View
from vops.runbooks.seed_jobs import find_job
from vops.runbooks.seeding import Wanted, job_objects

KIND = "model.verify"
GROUP = Group.LOOK
OUTPUTS = {"objects": "list", "job": "string", "state": "string"}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    manifest: dict[str, Any]
    """What has to be there, from `hf.manifest`; `{model, commit}` alone means what the marker in the claim says."""
    claim: str
    """The claim to read."""
    namespace: str
    """Its namespace."""
    image: str
    """An image with Python."""
    placement: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the pod's spec says for its place, from `k8s.placement`."""


def look(args: Args, view: View) -> Outcome:
    """The objects to apply (none when the Job is there), and the Job's name and state."""
    wanted = Wanted("verify", args.manifest, args.claim, args.namespace, args.image, args.placement)
    found = find_job(wanted, view)
    objects = list(job_objects(wanted, found.name)) if found.state == "absent" else []
    outputs = {"objects": objects, "job": found.name, "state": found.state}
    return Outcome(outputs, (f"Reads {_what(args.manifest)}, and changes nothing in the claim.",))


def _what(manifest: dict[str, Any]) -> str:
    if "files" not in manifest:
        return f"every file of commit {manifest['commit'][:12]} that the marker in the claim names"
    return f"{len(manifest['files'])} files, {format_bytes(sum(item['size'] for item in manifest['files']))}"
