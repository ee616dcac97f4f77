"""What programs around the servers print when they fail, each message with the cause that its source gives it.

The tables are tests/data/messages: a line `=== name | cause | suffix` and the text, `none` where nothing is wrong. Each
was written from the source of the program that prints it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from vops.diagnosis.findings import Report
from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle

TABLES = Path(__file__).parents[2] / "data" / "messages"
HEADING = re.compile(r"^=== (?P<name>\S+) \| (?P<cause>\S+) \| (?P<suffix>\w+)$", re.MULTILINE)
NO_FAULT = {"autoscaler-working", "loading", "healthy"}


def messages() -> list[object]:
    found: list[object] = []
    for table in sorted(TABLES.glob("*.txt")):
        text = table.read_text()
        headings = list(HEADING.finditer(text))
        ends = [*(item.start() for item in headings[1:]), len(text)]
        for heading, end in zip(headings, ends, strict=True):
            body = text[heading.end() + 1 : end]
            found.append(pytest.param(heading["cause"], heading["suffix"], body, id=f"{table.stem}-{heading['name']}"))
    return found


@pytest.mark.parametrize(("cause", "suffix", "text"), messages())
def test_a_message_has_its_cause(cause: str, suffix: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"post.{suffix}"
    path.write_text(text)
    findings = [finding for report in reports_of(path) for finding in report.findings]
    found = [finding.cause for finding in findings]
    if cause == "none":
        assert not set(found) - NO_FAULT
    else:
        assert found[:1] == [cause]
        assert findings[0].fixes


def reports_of(path: Path) -> Sequence[Report]:
    """What a file amounts to; nothing where nothing in it is of any use."""
    try:
        return diagnose_bundle([path], None)[0]
    except InputError:
        return ()
