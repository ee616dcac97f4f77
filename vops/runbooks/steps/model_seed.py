"""`model.seed`: the Job that brings a model into a claim, for `k8s.ensure` to apply and `model.follow` to watch.

A Job of the same kind that works already is followed instead of made again. Says to the byte what is missing, as far
as an earlier try has told.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from vops.model.quantities import format_bytes
from vops.runbooks.kinds import Group, Outcome, View
from vops.runbooks.seed_jobs import Found, find_job
from vops.runbooks.seeding import Wanted, job_objects, left

KIND = "model.seed"
GROUP = Group.LOOK
OUTPUTS = {
    "objects": "list",
    "job": "string",
    "state": "string",
    "missingFiles": "int",
    "missingBytes": "int",
}
SLOW_BYTES_PER_S = 50e6
LEAST_DEADLINE_S = 3600


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    manifest: dict[str, Any]
    """What to fetch, from `hf.manifest`."""
    claim: str
    """The claim to fill."""
    namespace: str
    """Its namespace."""
    image: str
    """An image with Python and huggingface_hub."""
    placement: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the pod's spec says for its place, from `k8s.placement`."""
    token: dict[str, str] | None = None
    """The Secret with the Hub's token, as a secretKeyRef."""
    endpoint: str | None = None
    """Another Hub, or a mirror."""
    recheck: bool = False
    """Read every byte that is there again instead of trusting the marker."""
    stall: float = 300.0
    """Seconds without a byte after which a download is begun anew."""


def look(args: Args, view: View) -> Outcome:
    """The objects to apply (none when the Job is there), the Job's name and state, and what is missing."""
    wanted = Wanted(
        mode="seed",
        manifest=args.manifest,
        claim=args.claim,
        namespace=args.namespace,
        image=args.image,
        pod=args.placement,
        token=args.token,
        endpoint=args.endpoint or "",
        recheck=args.recheck,
        stall_s=args.stall,
        deadline_s=_deadline_s(args.manifest),
    )
    found = find_job(wanted, view)
    sizes = [item["size"] for item in args.manifest["files"]]
    files, missing = _missing(found, len(sizes), sum(sizes))
    outputs = {
        "objects": list(job_objects(wanted, found.name)) if found.state == "absent" else [],
        "job": found.name,
        "state": found.state,
        "missingFiles": files,
        "missingBytes": missing,
    }
    return Outcome(outputs, (_says(found, len(sizes), files, missing),))


def _deadline_s(manifest: dict[str, Any]) -> int:
    """Three times what a slow link takes."""
    total: int = sum(item["size"] for item in manifest["files"])
    return max(LEAST_DEADLINE_S, math.ceil(3 * total / SLOW_BYTES_PER_S))


def _missing(found: Found, files: int, size: int) -> tuple[int, int]:
    if found.state == "complete":
        return 0, 0
    told = found.told
    if told.of_files != files:
        return files, size
    return told.missing_files, max(0, size - told.bytes)


def _says(found: Found, files: int, missing_files: int, missing: int) -> str:
    if found.state == "complete":
        return f"Job {found.name} has seeded all {files} files."
    takes = left(missing / SLOW_BYTES_PER_S / 2)
    doing = f"Job {found.name} is at it: " if found.state == "running" else ""
    return f"{doing}{missing_files} of {files} files, {format_bytes(missing)} missing; about {takes} at 95 MiB/s."
