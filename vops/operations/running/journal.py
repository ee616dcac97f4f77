"""The record of a run: one line of JSON per thing that happened, written before and after each write to the cluster.

Append-only, synced to disk line by line, each line carrying a hash of the one before, so that a gap or an edit shows.
Holds no secret: bodies are masked on their way in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from vops.errors import InputError, PlanStale
from vops.model.secrets import mask
from vops.model.snapshot import ClusterSnapshot
from vops.model.text import is_clean_json, scrubbed
from vops.ports import Clock, WriteRecord

START = "0" * 64


class Entry(msgspec.Struct, frozen=True):
    """One line: its number, when, what kind of thing, the thing, and the hashes of the line before and of this one."""

    n: int
    at: str
    type: str
    data: dict[str, Any]
    prev: str
    hash: str


class Journal:
    """The open journal of one run; a context manager."""

    def __init__(self, state: Path, run_id: str, clock: Clock) -> None:
        """Makes `<state>/runs/<run_id>.jsonl`, readable by its owner only. Raises InputError when that fails."""
        self.path = journal_path(state, run_id)
        self._clock = clock
        self._count = 0
        self._last = START
        self._file = _create(self.path)

    @classmethod
    def reopened(cls, path: Path, clock: Clock) -> Journal:
        """The journal of a run that goes on: after its last whole line. Raises InputError when that fails."""
        entries = read_journal(path)
        journal = cls.__new__(cls)
        journal.path, journal._clock = path, clock
        journal._count, journal._last = len(entries), entries[-1].hash if entries else START
        journal._file = _continued(path)
        return journal

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def note(self, kind: str, data: Any) -> None:
        """Appends one entry and waits until the disk has it."""
        plain = mask(msgspec.to_builtins(data))
        at = self._clock.now().isoformat()
        self._count += 1
        digest = _digest(self._count, at, kind, plain, self._last)
        entry = Entry(self._count, at, kind, plain, self._last, digest)
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._last = digest

    def record(self, write: WriteRecord) -> None:
        """What the journalled transport reports."""
        self.note("write", write)

    def keep(self, step: str, snapshot: ClusterSnapshot) -> None:
        """Stores what was seen when a step failed, beside the journal, and notes where."""
        path = self.path.with_name(f"{self.path.stem}.{step}.snapshot.json")
        with _create(path) as file:
            file.write(msgspec.json.encode(mask(msgspec.to_builtins(snapshot))))
        self.note("evidence", {"step": step, "path": str(path)})


def journal_path(state: Path, run_id: str) -> Path:
    """Where the journal of a run is."""
    return state / "runs" / f"{run_id}.jsonl"


def read_journal(path: Path) -> tuple[Entry, ...]:
    """Every whole entry: a last line that a killed process left unfinished is not one.

    Its texts are scrubbed: the file may be a copy that others could write to (see
    vops.operations.running.journal_copy). Raises InputError with the line of the first that is missing, changed or
    unreadable.
    """
    entries: list[Entry] = []
    last = START
    for number, line in enumerate(_lines(path), 1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except ValueError as error:
            raise InputError(f"not an entry of a journal: {error}", path=str(path), line=number) from error
        whole = entry.hash == _digest(entry.n, entry.at, entry.type, entry.data, entry.prev)
        if not whole or entry.prev != last or entry.n != number:
            raise InputError("this entry, or the one before it, was changed or lost", path=str(path), line=number)
        entries.append(entry if is_clean_json(line) else msgspec.structs.replace(entry, data=scrubbed(entry.data)))
        last = entry.hash
    return tuple(entries)


def claim_plan(state: Path, plan_id: str) -> None:
    """Marks a plan as applied. Raises PlanStale when it was applied before, from this machine."""
    try:
        _create(state / "plans" / plan_id).close()
    except InputError as error:
        if isinstance(error.__cause__, FileExistsError):
            raise PlanStale(f"plan {plan_id} was applied before", hint="make a new plan") from error
        raise


def _lines(path: Path) -> list[bytes]:
    try:
        whole, _, _ = path.read_bytes().rpartition(b"\n")
    except OSError as error:
        raise InputError(f"cannot be read: {error}", path=str(path)) from error
    return whole.splitlines()


def _continued(path: Path) -> BinaryIO:
    """The file, to be written on after its last whole line."""
    try:
        file = path.open("r+b")
    except OSError as error:
        raise InputError(f"cannot be written: {error}", path=str(path)) from error
    whole, newline, _ = file.read().rpartition(b"\n")
    file.seek(len(whole) + len(newline))
    file.truncate()
    return file


def _digest(number: int, at: str, kind: str, data: Mapping[str, Any], last: str) -> str:
    body = msgspec.json.encode([number, at, kind, data, last], order="sorted")
    return hashlib.sha256(body).hexdigest()


def _create(path: Path) -> BinaryIO:
    """A new file that only its owner can read. Raises InputError, also when it is there already."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        hint = "set VOPS_STATE_DIR to a folder that can be written"
        raise InputError(f"cannot be written: {error}", path=str(path), hint=hint) from error
    return os.fdopen(descriptor, "wb")
