"""A key stands twice in one mapping.

What it finds
    Two values under one key.

Why it matters
    `kubectl apply` refuses it (strict decoding); Helm and kustomize take the last one and drop the other without a
    word, which may be the environment or the labels of a server.

Evidence
    The place of the key.

Fix
    Join the two, or remove one.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Manifests, everything
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, everything)
def duplicate_key(manifests: Manifests) -> Iterator[Flaw]:
    for item in manifests.objects:
        for path in item.document.repeated:
            if path[: len(item.path)] == item.path:
                summary = f"the key {path[-1]!r} stands twice, and only the last one counts"
                yield Flaw(item, path, summary, "join the two, or remove one")
