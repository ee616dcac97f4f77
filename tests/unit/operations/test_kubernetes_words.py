"""What Kubernetes' components say, source by source: every message in every form in which people paste it.

The tables are in tests/data/words: a message a line, with the causes that an engineer reads from the code that says it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operations.event_forms import Row, forms, rows
from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle

WORDS = Path(__file__).parents[2] / "data" / "words"
TABLES = {path.stem: rows(path.read_text()) for path in sorted(WORDS.glob("*.tsv"))}
NO_FAULT = {"none", "autoscaler-working", "loading"}


def first_causes(text: str) -> list[str]:
    try:
        reports = diagnose_bundle([], text.encode())[0]
    except InputError:
        return []
    return [finding.cause for report in reports for finding in report.findings]


@pytest.mark.parametrize("table", TABLES)
def test_a_message_is_read_in_every_form(table: str) -> None:
    found = [(row, form, first_causes(text)) for row in TABLES[table] for form, text in forms(row)]
    assert found
    assert [(form, causes, row) for row, form, causes in found if not is_right(causes, row)] == []


def is_right(found: list[str], row: Row) -> bool:
    right = set(row.truth.split("|"))
    return set(found) <= right | NO_FAULT if right & NO_FAULT else bool(set(found[:1]) & right)
