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
    """What has to be there, from `hf.manifest`."""
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
    size = format_bytes(sum(item["size"] for item in args.manifest["files"]))
    objects = list(job_objects(wanted, found.name)) if found.state == "absent" else []
    says = f"Reads {len(args.manifest['files'])} files, {size}, and changes nothing in the claim."
    return Outcome({"objects": objects, "job": found.name, "state": found.state}, (says,))
