"""The image of which an event speaks: by its name, or by where its registry keeps it."""

from __future__ import annotations

from collections.abc import Iterable

from vops.model.patterns import lazy_pattern

_NAMED = lazy_pattern(
    r"\b[Ii]mage (?:name )?\"([^\"\s]{1,512})\"|\bpull access denied for ([\w.:/@-]{1,512}), "
    r"|\bmanifest for ([\w.:/@-]{1,512}) not found"
)
_MANIFEST = lazy_pattern(
    r"https?://(?P<host>[\w.-]{1,253}(?::\d{1,5})?)/v2/(?P<repository>[a-z0-9][\w./-]{0,253})/manifests/"
    r"(?P<tag>(?!sha256:)\w[\w.-]{0,127})\b"
)
"""What a registry is asked for by whoever pulls from it."""

_DOCKER_HUB = ("registry-1.docker.io/", "docker.io/")


def image_told_of(messages: Iterable[str]) -> str:
    """The first image that messages name; empty where none does."""
    return next((image for text in messages if (image := _image_in(text))), "")


def _image_in(message: str) -> str:
    if (named := _NAMED.search(message)) is not None:
        return named[named.lastindex or 0]
    asked = _MANIFEST.search(message)
    return f"{asked['host']}/{asked['repository']}:{asked['tag']}".replace(*_DOCKER_HUB) if asked is not None else ""
