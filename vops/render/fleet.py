"""The fleet written down: as text, as the `vops.fleet/v1` JSON, as JSON lines and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from vops.diagnosis.facts import Facts
from vops.diagnosis.states import ReplicaState
from vops.render import units
from vops.render.cells import Column
from vops.render.filters import chosen_workloads
from vops.render.fleet_facts import fleet_view
from vops.render.fleet_rows import FleetView, ReplicaRow, WorkloadRow
from vops.render.fleet_table import ALL_REPLICA_COLUMNS, WORKLOAD_COLUMNS
from vops.render.states import state_span, urgency
from vops.render.text import Line, Span, Tone, columns


def fleet_lines(facts: Facts, *, wide: bool = False) -> list[Line]:
    """`vops fleet` as text: workloads, then replicas, the most urgent first, then why those that fail do."""
    view = fleet_view(facts)
    left_out = frozenset() if wide else frozenset({"node"})
    shown = [column for column in ALL_REPLICA_COLUMNS if column.key not in left_out]
    rows = sorted(view.replicas, key=lambda row: (urgency(row.state), row.namespace, row.pod))
    lines = _table(WORKLOAD_COLUMNS, chosen_workloads(view.workloads))
    if lines:
        lines.append(())
    return [*lines, *_table(shown, rows), *_causes(rows)]


def _table(shown: Sequence[Column[Any]], rows: Sequence[Any]) -> list[Line]:
    if not rows:
        return []
    right = frozenset(index for index, column in enumerate(shown) if column.right)
    cells = [[Span(cell.text, cell.tone) for cell in (column.cell(row) for column in shown)] for row in rows]
    return columns([column.title for column in shown], cells, right=right)


def _causes(rows: Sequence[ReplicaRow]) -> list[Line]:
    told = [row for row in rows if row.note and row.state is not ReplicaState.READY]
    if not told:
        return []
    lines: list[Line] = [()]
    for row in told:
        look = state_span(row.state)
        lines.append((Span(look.text[:1] + " ", look.tone), Span(row.pod, Tone.STRONG), Span(f"  {row.note}")))
    return lines


def fleet_document(facts: Facts) -> dict[str, Any]:
    """The `vops.fleet/v1` document; what is not known is null."""
    return view_document(fleet_view(facts))


def view_document(view: FleetView) -> dict[str, Any]:
    """A view as the `vops.fleet/v1` document."""
    return {
        "schema": "vops.fleet/v1",
        "at": f"{view.at:%Y-%m-%dT%H:%M:%SZ}",
        "context": view.context,
        "sources": [
            {
                "name": str(item.source),
                "state": str(item.state),
                "age_s": units.age_s(item.at, view.at),
                "detail": item.detail,
            }
            for item in view.sources
        ],
        "workloads": [row_document(row) for row in view.workloads],
        "replicas": [row_document(row) for row in view.replicas],
        "ranks": [row_document(row) for row in view.ranks],
        "groups": [row_document(row) for row in view.groups],
    }


def row_document(row: ReplicaRow | WorkloadRow) -> dict[str, Any]:
    """One row as JSON values: unknown and empty text alike are null."""
    document: dict[str, Any] = msgspec.to_builtins(row)
    return {name: None if value == "" else value for name, value in document.items()}


def fleet_json(facts: Facts) -> bytes:
    """The document, indented so that people can read it too."""
    return msgspec.json.format(msgspec.json.encode(fleet_document(facts)), indent=2)


def fleet_jsonl(facts: Facts) -> str:
    """One replica a line."""
    rows = fleet_view(facts).replicas
    return "".join(msgspec.json.encode(row_document(row)).decode() + "\n" for row in rows)


def fleet_csv(facts: Facts) -> str:
    """One replica a row under a header; what is not known is empty."""
    stream = io.StringIO()
    names = [field.name for field in msgspec.structs.fields(ReplicaRow)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    for row in fleet_view(facts).replicas:
        writer.writerow({name: _csv_safe(value) for name, value in row_document(row).items()})
    return stream.getvalue()


def _csv_safe(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    return "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
