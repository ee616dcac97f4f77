"""A token or key stands in the manifest.

What it finds
    A credential in plain text: an environment variable named like one with a value, `--api-key` with a value, or text
    with the shape of a token.

Why it matters
    It is in the repository, in `kubectl get -o yaml`, in the API server's audit log and in every backup.

Evidence
    The field; the value is never shown.

Fix
    A Secret, referred to by `secretKeyRef`; revoke the one that was written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vops.diagnosis.findings import Severity
from vops.manifests.facts import pods
from vops.manifests.objects import items, mappings, text
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import PodTemplate
from vops.model.secrets import holds_secret, secret_indices

_FIX = "put it into a Secret and refer to it by valueFrom.secretKeyRef; revoke the one that was written down"
_ABOUT_SECRETS = re.compile(
    r"(?:NAME|PATH|FILE|DIR|FOLDER|URL|URI|REF|ID|KEY_NAME|LIMIT|TTL|TYPE|ENABLED)$", re.IGNORECASE
)
_HARMLESS = re.compile(
    r"(?:true|false|yes|no|none|null|-?[0-9]{1,9}|empty|dummy|fake|placeholder|change-?me|x+"
    r"|not[-_ ]?(?:needed|used|required)|(?:your|insert|replace|add)[-_ ].*|.*[-_ ]here)?",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\(|\$\{|\$[A-Z]|<[^>]+>|^\*+$|\{\{")


@rule(Severity.ERROR, pods)
def plain_secret(pod: PodTemplate) -> Iterator[Flaw]:
    for key in ("containers", "initContainers"):
        for at, container in mappings(pod.spec.get(key)):
            yield from _variables(pod, container, (key, at))
            for field in ("command", "args"):
                words = items(container.get(field))
                for index in sorted(secret_indices(words)):
                    value = str(words[index]).rpartition("=")[2]
                    if not _REFERENCE.search(value) and not _HARMLESS.fullmatch(value):
                        path = pod.field(key, at, field, index)
                        yield Flaw(pod.object, path, f"a secret stands in {field} of {pod.object.name}", _FIX)


def _variables(pod: PodTemplate, container: dict[str, Any], where: tuple[str, int]) -> Iterator[Flaw]:
    for index, variable in mappings(container.get("env")):
        name, value = text(variable.get("name")), variable.get("value")
        if isinstance(value, str) and not _is_harmless(name, value) and holds_secret(variable):
            path = pod.field(*where, "env", index)
            yield Flaw(pod.object, path, f"the value of {name} stands in {pod.object.name}", _FIX)


def _is_harmless(name: str, value: str) -> bool:
    """Whether a value says where a secret is, or something else about it; text of a token's form never is."""
    if holds_secret(value):
        return False
    about = _ABOUT_SECRETS.search(name) or _HARMLESS.fullmatch(value) or _REFERENCE.search(value)
    return about is not None or _is_path(value)


def _is_path(value: str) -> bool:
    """A file's name, such as that of a mounted token, is no secret."""
    return value.startswith("/") and "/" in value[1:]
