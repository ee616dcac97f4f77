"""Seeded chance: the same names give the same numbers, in every process and on every machine."""

from __future__ import annotations

import random


def chance(*names: object) -> random.Random:
    """A generator that depends on nothing but `names`."""
    return random.Random("/".join(map(str, names)))  # noqa: S311  a simulation must repeat; nothing here is secret
