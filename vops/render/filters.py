"""Which rows to show: a filter as a person types it, and a namespace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vops.render.fleet_rows import FleetView, ReplicaRow, WorkloadRow


class Match(NamedTuple):
    """A filter as typed: a regular expression, or its inverse after `!`; what is no valid one is taken literally."""

    typed: str = ""

    @property
    def literal(self) -> bool:
        """The text is not a valid regular expression."""
        try:
            re.compile(self._text)
        except re.error:
            return True
        return False

    @property
    def _text(self) -> str:
        return self.typed.removeprefix("!").strip()

    def keeps(self, text: str) -> bool:
        """Whether a row with this text stays."""
        if not self._text:
            return True
        return bool(self._compiled.search(text)) is not self.typed.startswith("!")

    @property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(re.escape(self._text) if self.literal else self._text, re.IGNORECASE)


def chosen_replicas(rows: Sequence[ReplicaRow], match: Match, namespace: str = "") -> list[ReplicaRow]:
    """The replicas of `namespace` (all when empty) that `match` keeps."""
    here = [row for row in rows if not namespace or row.namespace == namespace]
    return [row for row in here if match.keeps(_text(row))] if match.typed else here


def _text(row: ReplicaRow) -> str:
    return f"{row.namespace} {row.pod} {row.model} {row.state} {row.node} {row.gpu} {row.workload} {row.cause}"


def chosen_workloads(rows: Sequence[WorkloadRow], namespace: str = "") -> list[WorkloadRow]:
    """The workloads of `namespace` (all when empty): those short of replicas first, then by name."""
    here = [row for row in rows if not namespace or row.namespace == namespace]
    return sorted(here, key=lambda row: (row.ready >= row.desired, row.namespace, row.name))


def namespaces(view: FleetView) -> tuple[str, ...]:
    """Every namespace with a replica or workload, sorted."""
    return tuple(sorted({row.namespace for row in view.replicas} | {row.namespace for row in view.workloads}))
