"""What an examination of vops' own surroundings found: can it reach, see and change what it needs."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import field


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"  # something is left out without it
    FAILED = "failed"  # vops cannot do its work without it
    ABSENT = "absent"  # optional, and not there


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at: what it is, how it is, what that means and what to do about it."""

    name: str
    health: Health
    detail: str
    next: str = ""


class Examination(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `vops.doctor/v1` document; `role` is the ClusterRole that grants what is missing, absent when nothing is."""

    context: str
    checks: tuple[Check, ...] = ()
    role: dict[str, object] | None = None
    schema: str = field(default="vops.doctor/v1")

    @property
    def worst(self) -> Health:
        return max((check.health for check in self.checks), key=_ORDER.index, default=Health.OK)


_ORDER = (Health.OK, Health.ABSENT, Health.WARNING, Health.FAILED)
