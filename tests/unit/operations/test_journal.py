"""The journal: every line on disk at once, each bound to the one before, and without secrets."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vops.errors import InputError, PlanStale
from vops.operations.running.journal import Journal, claim_plan, read_journal
from vops.ports import WriteRecord


class StillClock:
    """A clock that stands."""

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a journal never waits")


def written(state: Path) -> Path:
    with Journal(state, "r1", StillClock()) as journal:
        journal.note("run", {"run": "r1"})
        journal.record(WriteRecord("before", "PATCH", "/x", body=[{"name": "HF_TOKEN", "value": "s3cret"}]))
        journal.record(WriteRecord("after", "PATCH", "/x", status=200))
    return journal.path


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    entries = read_journal(written(tmp_path))
    assert [(entry.n, entry.type) for entry in entries] == [(1, "run"), (2, "write"), (3, "write")]
    assert entries[2].data == {"phase": "after", "method": "PATCH", "path": "/x", "status": 200}


def test_no_secret_reaches_the_disk_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert "s3cret" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"method":"PATCH"', '"method":"GET"', 2),
        ('{"n":2', '{"n":3', 2),
        ('{"n":3', "{", 3),
    ],
)
def test_a_changed_line_shows(tmp_path: Path, old: str, new: str, line: int) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_journal(path)
    assert caught.value.line == line


def test_a_line_that_is_no_text_shows(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"PATCH"', b'"PA\xff"', 1))
    with pytest.raises(InputError, match="not an entry") as caught:
        read_journal(path)
    assert caught.value.line == 2


def test_a_lost_line_shows(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    with pytest.raises(InputError, match="changed or lost"):
        read_journal(path)


def test_a_run_has_one_journal(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        written(tmp_path)


def test_a_plan_is_applied_once(tmp_path: Path) -> None:
    claim_plan(tmp_path, "p1")
    with pytest.raises(PlanStale, match="applied before"):
        claim_plan(tmp_path, "p1")


def test_a_state_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Journal(blocked, "r1", StillClock())
