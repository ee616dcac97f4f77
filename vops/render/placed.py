"""Rows of several contexts in one table: each says where it is, and two of one name stay two rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from vops.render.cells import Cell, Column
from vops.render.fleet_rows import ReplicaRow, WorkloadRow
from vops.render.text import Tone

BETWEEN = "\n"
"""Between a context and the key of a row there; no name of a context has one."""


class PlacedReplica(ReplicaRow, frozen=True, gc=False):
    """A replica, and the context that it is in."""

    context: str = ""

    @property
    def key(self) -> str:
        return f"{self.context}{BETWEEN}{self.folded or self.uid or f'{self.namespace}/{self.pod}'}"


class PlacedWorkload(WorkloadRow, frozen=True, gc=False):
    """A workload, and the context that it is in."""

    context: str = ""

    @property
    def key(self) -> str:
        return f"{self.context}{BETWEEN}{self.uid or f'{self.kind}/{self.namespace}/{self.name}'}"


R = TypeVar("R", ReplicaRow, WorkloadRow)
_PLACED: dict[type, type] = {ReplicaRow: PlacedReplica, WorkloadRow: PlacedWorkload}


class Placing:
    """Places the rows of one context; a row that is the same as before stays the same object."""

    def __init__(self, context: str) -> None:
        self.context = context
        self._placed: dict[type, dict[str, tuple[object, object]]] = {}

    def rows(self, rows: Sequence[R]) -> list[R]:
        """All rows of one kind, with their context."""
        if not rows:
            return []
        kind = type(rows[0])
        before = self._placed.get(kind, {})
        placed = self._placed[kind] = {row.key: self._row(row, before.get(row.key)) for row in rows}
        return [cast("R", placed[row.key][1]) for row in rows]

    def _row(self, row: R, known: tuple[object, object] | None) -> tuple[object, object]:
        if known is not None and known[0] is row:
            return known
        values = (getattr(row, name) for name in row.__struct_fields__)
        return row, _PLACED[type(row)](*values, self.context)


def context_of(row: object) -> str:
    """The context of a row; empty where there is only one."""
    return row.context if isinstance(row, (PlacedReplica, PlacedWorkload)) else ""


def _context_cell(row: object) -> Cell:
    return Cell(context_of(row), Tone.ACCENT)


CONTEXT: Column[ReplicaRow] = Column(
    "context", "CONTEXT", 10, _context_cell, context_of, limit=32, rank=1, about="the context that it is in",
)  # fmt: skip
WORKLOAD_CONTEXT: Column[WorkloadRow] = Column(
    "context", "CONTEXT", 10, _context_cell, context_of, limit=32, rank=1, about="the context that it is in",
)  # fmt: skip
