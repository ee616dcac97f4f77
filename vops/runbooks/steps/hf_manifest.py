"""`hf.manifest`: the files of a model that a server needs, at one commit, with every size and hash.

Asks with the user's own token; whether the token of a Secret may read a gated model shows only when a Job tries.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from vops.model.hub import MOST_FILES, NOT_SERVED, SERVED, HubFile, HubListing, is_weights, manifest
from vops.model.quantities import format_bytes
from vops.runbooks.asks import HubAsk
from vops.runbooks.kinds import Group, Outcome, StepFault, View
from vops.runbooks.seeding import folder_of

KIND = "hf.manifest"
GROUP = Group.LOOK
OUTPUTS = {
    "commit": "string",
    "files": "int",
    "bytes": "int",
    "weightBytes": "int",
    "gated": "bool",
    "access": "string",
    "folder": "string",
    "recommendedSize": "string",
    "manifest": "map",
}
_SPARE = 1.25
_GIB = 2**30


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    """The repository, as `OWNER/NAME`."""
    revision: str = "main"
    """A branch, tag or commit; the plan keeps the commit that it is now."""
    include: list[str] | None = None
    """Patterns of paths to take; without, what vLLM reads."""
    exclude: list[str] | None = None
    """Patterns of paths to leave out; without, weights that are there in another form as well."""


def look(args: Args, view: View) -> Outcome:
    """The manifest and what it comes to. Raises StepFault when nothing is left of the repository."""
    listing: HubListing = view.answer(HubAsk(args.model, args.revision))
    files = listing.selected(args.include or SERVED, NOT_SERVED if args.exclude is None else args.exclude)
    if not files or len(files) > MOST_FILES:
        raise StepFault(
            f"{len(files)} of the {len(listing.files)} files of {args.model} match; 1 to {MOST_FILES} can be seeded"
        )
    return Outcome(_outputs(listing, files), (_says(listing, files),))


def _outputs(listing: HubListing, files: tuple[HubFile, ...]) -> dict[str, Any]:
    total = sum(item.size for item in files)
    return {
        "commit": listing.commit,
        "files": len(files),
        "bytes": total,
        "weightBytes": sum(item.size for item in files if is_weights(item.name)),
        "gated": listing.gated,
        "access": listing.access,
        "folder": folder_of(listing.model, listing.commit),
        "recommendedSize": f"{max(10, math.ceil(total * _SPARE / _GIB))}Gi",
        "manifest": manifest(listing, files),
    }


def _says(listing: HubListing, files: tuple[HubFile, ...]) -> str:
    total = format_bytes(sum(item.size for item in files))
    named = "" if listing.revision == listing.commit else f" ({listing.revision})"
    left = len(listing.files) - len(files)
    rest = f"; {left} others are not needed to serve it" if left else ""
    return f"{listing.model} at {listing.commit[:12]}{named}: {len(files)} files, {total}{rest}."
