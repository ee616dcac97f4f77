"""Sums and means of numbers some of which are not known: what is missing is left out, and is never zero."""

from __future__ import annotations

from collections.abc import Iterable


def known(values: Iterable[float | None]) -> list[float]:
    """Those that are known."""
    return [value for value in values if value is not None]


def total(values: Iterable[float | None]) -> float | None:
    """None where none is known."""
    found = known(values)
    return sum(found) if found else None


def mean(values: Iterable[float | None]) -> float | None:
    """None where none is known."""
    found = known(values)
    return sum(found) / len(found) if found else None
