"""Which rows to show: a filter as a person types it, and a namespace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from vops.model.selectors import Matches, selector
from vops.render.fleet_rows import FleetView, ReplicaRow, WorkloadRow
from vops.render.placed import context_of
from vops.render.searching import search_for

Labels = Mapping[str, str]


class Match(NamedTuple):
    """A filter as typed, in the manner of k9s.

    `TEXT` is a regular expression (taken literally when it is no valid one, or takes too long), `!TEXT` its inverse,
    `-l SELECTOR` a label selector as kubectl takes it, `-f TEXT` letters that occur in this order.
    """

    typed: str = ""

    @property
    def remark(self) -> str:
        """What is wrong with the text, when something is."""
        kind, text = self._parts
        if kind == "-l":
            return "" if _selector(text) else " (no label selector)"
        return search_for(text).remark if not kind else ""

    @property
    def _parts(self) -> tuple[str, str]:
        """`-l` or `-f` or nothing, and the text without it and without `!`."""
        text = self.typed.strip().removeprefix("!").strip()
        kind, _, rest = text.partition(" ")
        return (kind, rest.strip()) if kind in ("-l", "-f") else ("", text)

    def keeps(self, text: str, labels: Labels | None = None) -> bool:
        """Whether a row with this text and these labels stays."""
        kind, wanted = self._parts
        if not wanted:
            return True
        return self._fits(kind, wanted, text, labels or {}) is not self.typed.strip().startswith("!")

    def _fits(self, kind: str, wanted: str, text: str, labels: Labels) -> bool:
        if kind == "-l":
            matches = _selector(wanted)
            return matches is not None and matches(labels)
        if kind == "-f":
            return _in_order(wanted, text)
        return search_for(wanted).finds(text)


def _in_order(wanted: str, text: str) -> bool:
    """Whether the letters of `wanted` occur in `text` in this order; an expression for it could backtrack for ever."""
    letters = iter(text.casefold())
    return all(char in letters for char in wanted.casefold() if not char.isspace())


@lru_cache(maxsize=64)
def _selector(text: str) -> Matches | None:
    try:
        return selector(text)
    except ValueError:
        return None


NO_LABELS: Labels = {}


def chosen_replicas(
    rows: Sequence[ReplicaRow],
    match: Match,
    namespace: str = "",
    labels_of: Callable[[ReplicaRow], Labels] = lambda row: NO_LABELS,
) -> list[ReplicaRow]:
    """The replicas of `namespace` (all when empty) that `match` keeps."""
    here = [row for row in rows if not namespace or row.namespace == namespace]
    return [row for row in here if match.keeps(_text(row), labels_of(row))] if match.typed else here


def _text(row: ReplicaRow) -> str:
    where = f"{context_of(row)} {row.namespace} {row.pod}".lstrip()
    return f"{where} {row.model} {row.state} {row.node} {row.gpu} {row.workload} {row.cause}"


def chosen_workloads(rows: Sequence[WorkloadRow], namespace: str = "") -> list[WorkloadRow]:
    """The workloads of `namespace` (all when empty): those short of replicas first, then by name."""
    here = [row for row in rows if not namespace or row.namespace == namespace]
    return sorted(here, key=lambda row: (row.ready >= row.desired, row.namespace, row.name))


def namespaces(view: FleetView) -> tuple[str, ...]:
    """Every namespace with a replica or workload, sorted."""
    return tuple(sorted({row.namespace for row in view.replicas} | {row.namespace for row in view.workloads}))


def busiest(view: FleetView) -> tuple[str, ...]:
    """The namespaces with replicas, those with the most first."""
    counted = Counter(row.namespace for row in view.replicas)
    return tuple(sorted(counted, key=lambda name: (-counted[name], name)))
