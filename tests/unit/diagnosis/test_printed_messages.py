"""What programs around the servers print when they fail, each message with the cause that its source gives it.

The tables are tests/data/messages: a line `=== name | cause | suffix` and the text, `none` where nothing is wrong. Each
was written from the source of the program that prints it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from vops.diagnosis.findings import Finding, Report
from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle

TABLES = Path(__file__).parents[2] / "data" / "messages"
HEADING = re.compile(r"^=== (?P<name>\S+) \| (?P<cause>\S+) \| (?P<suffix>\w+)$", re.MULTILINE)
NO_FAULT = {"autoscaler-working", "loading", "healthy"}


class Message(NamedTuple):
    """A part of a table: what it is called, the cause that is right, the suffix of the file that it is in, and it."""

    name: str
    cause: str
    suffix: str
    text: str


def messages(table: Path) -> list[Message]:
    text = table.read_text()
    headings = list(HEADING.finditer(text))
    ends = [*(item.start() for item in headings[1:]), len(text)]
    return [
        Message(heading["name"], heading["cause"], heading["suffix"], text[heading.end() + 1 : end])
        for heading, end in zip(headings, ends, strict=True)
    ]


@pytest.mark.parametrize("table", sorted(TABLES.glob("*.txt")), ids=lambda table: table.stem)
def test_a_message_has_its_cause(table: Path, tmp_path: Path) -> None:
    found = {item.name: found_of(item, tmp_path) for item in messages(table)}
    wrong = {item.name: found[item.name] for item in messages(table) if not is_right(found[item.name], item.cause)}
    assert found
    assert wrong == {}


def found_of(message: Message, folder: Path) -> list[Finding]:
    path = folder / f"post.{message.suffix}"
    path.write_text(message.text)
    return [finding for report in reports_of(path) for finding in report.findings]


def is_right(findings: list[Finding], cause: str) -> bool:
    """Whether the first finding has this cause and something to do about it; with `none`, whether there is no fault."""
    if cause == "none":
        return {finding.cause for finding in findings} <= NO_FAULT
    return bool(findings) and findings[0].cause == cause and bool(findings[0].fixes)


def reports_of(path: Path) -> Sequence[Report]:
    """What a file amounts to; nothing where nothing in it is of any use."""
    try:
        return diagnose_bundle([path], None)[0]
    except InputError:
        return ()
