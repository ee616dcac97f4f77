"""A model as a Hub lists it: the files of one commit with sizes and hashes, and which of them a server needs.

The manifest made of them is what a seeder fetches and proves; its digest names exactly these bytes. Fetching itself is
the seeder's matter (runbooks/programs/seed).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

import msgspec

SERVED = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "*.tiktoken", "tokenizer*", "*.py")
"""What vLLM reads of a repository, as patterns over whole paths."""
NOT_SERVED = ("original/*", "consolidated*", "*.bin.index.json")
"""Weights that are there a second time in another form."""
MOST_FILES = 4000
"""More do not fit into the ConfigMap that holds the manifest."""

_SEEDED = re.compile(r"(?P<root>/.*)/(?P<owner>[\w.-]+?)--(?P<name>[\w.-]+)/(?P<commit>[0-9a-f]{40})/?")

Access = Literal["ok", "gated", "denied"]


class HubFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file: `sha256` of its bytes where it is a large one (LFS, Xet), `blob` is the hash that git gives it."""

    name: str
    size: int
    blob: str = ""
    sha256: str = ""


class HubListing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A repository at `commit`, which is what `revision` meant when it was asked.

    `access` is what the asker's own token may do: `ok`, `gated` (no token was sent) or `denied`.
    """

    model: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    gated: bool = False
    private: bool = False
    access: Access = "ok"

    def selected(self, include: Sequence[str], exclude: Sequence[str]) -> tuple[HubFile, ...]:
        """The files whose path matches a pattern of `include` and none of `exclude`."""
        return tuple(item for item in self.files if _matches(item.name, include) and not _matches(item.name, exclude))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def manifest(listing: HubListing, files: Sequence[HubFile]) -> dict[str, Any]:
    """What a seeder is given: `{"model", "commit", "files", "digest"}`, the digest being that of all the others."""
    body = {
        "model": listing.model,
        "commit": listing.commit,
        "files": [msgspec.to_builtins(item) for item in sorted(files, key=lambda item: item.name)],
    }
    return {**body, "digest": hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()}


class SeededModel(NamedTuple):
    """A model that a seeder has put somewhere: repository, commit, and where the claim is mounted."""

    repository: str
    commit: str
    root: str


def seeded_model(path: str) -> SeededModel | None:
    """What `…/OWNER--NAME/COMMIT` holds; None for any other path."""
    found = _SEEDED.fullmatch(path)
    return SeededModel(f"{found['owner']}/{found['name']}", found["commit"], found["root"]) if found else None


def is_weights(name: str) -> bool:
    """Whether a file holds weights that vLLM loads."""
    return name.endswith((".safetensors", ".bin", ".gguf", ".pt", ".pth"))
