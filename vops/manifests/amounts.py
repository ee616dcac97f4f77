"""Quantities as manifests have them: text or a number, and perhaps nonsense, which is for the API server to refuse."""

from __future__ import annotations

from typing import Any

from vops.model.quantities import whole


def amount_bytes(value: Any) -> int | None:
    """A quantity in bytes; None when there is none, or none that can be read."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return whole(str(value))
    except ValueError:
        return None
