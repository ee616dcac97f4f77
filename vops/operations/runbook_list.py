"""The verb `runbook list`: every runbook that vops finds as a row, those that cannot be used as well."""

from __future__ import annotations

from vops.errors import VopsError
from vops.library import read_runbook_file, runbooks
from vops.render.runbooks_table import RunbookRow
from vops.runbooks.schema import read_runbook


def runbook_rows() -> list[RunbookRow]:
    """One row for each name, in the order of names; reads their files."""
    return [_row(name) for name in sorted(runbooks())]


def _row(name: str) -> RunbookRow:
    try:
        head = read_runbook(*read_runbook_file(name)).head
    except VopsError as error:
        return RunbookRow(name, fault=error.message)
    asks = tuple(key for key, param in head.params.items() if param.required and param.type != "k8s.namespace")
    return RunbookRow(name, head.title, head.risk, head.fixes, asks)
