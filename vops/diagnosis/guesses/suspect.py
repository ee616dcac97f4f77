"""What a suspect is: a cause, and what must be known of a failure for it to come to mind."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.stages import Stage
from vops.model.patterns import lazy_pattern


class Trouble(StrEnum):
    """How a server shows that it fails."""

    DIED = "died"
    UNPLACED = "unplaced"
    UNCREATED = "uncreated"
    SILENT = "silent"  # it runs, is not Ready, and should be


class Suspect(msgspec.Struct, frozen=True):
    """A cause, why it comes to mind, and all that must hold for it; what is empty or None is not asked."""

    cause: str
    because: str
    words: re.Pattern[str] | None = None
    stages: frozenset[Stage] = frozenset()
    codes: frozenset[int] = frozenset()
    fact: Callable[[Replica], bool] | None = None
    trouble: Trouble = Trouble.DIED


def words_of(pattern: str) -> re.Pattern[str]:
    return lazy_pattern(pattern, re.IGNORECASE)


def stages_between(first: Stage, last: Stage) -> frozenset[Stage]:
    return frozenset(stage for stage in Stage if first.rank <= stage.rank <= last.rank)
