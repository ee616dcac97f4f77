"""Runs that were: what their journals say of them, how far they got, and whether they can go on or be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import msgspec

from vops.errors import InputError, Refused, UsageError
from vops.operations.running.journal import Entry, journal_path, read_journal
from vops.planning.changes import Change
from vops.planning.events import RunEvent, StepRecord, StepState
from vops.planning.plan import Decision, Plan

BEGUN = "run"
RESUMED = "resumed"
EVENT = "event"
WRITE = "write"
ENDED = "end"
SETTLES = "run"
AFTERWARDS = frozenset({"undo", "handback"})
"""Plans that take back or hand back what a run has changed, and their parameter that names it."""
PAUSING = "gitops"
"""The block of a plan that pauses GitOps, lets it go on at the end, and has the changes in between."""
_OVER = frozenset({"applied", "fixed", "changed", "unchanged"})


class Ending(StrEnum):
    """How a run ended."""

    NOTHING = "nothing"  # everything was as wished already
    APPLIED = "applied"  # every step is done; the runbook verifies nothing
    FIXED = "fixed"  # observed again: the cause is gone and all serve
    CHANGED = "changed"  # the cause is gone, another stands in the way
    UNCHANGED = "unchanged"  # the cause is still there
    WAITING = "waiting"  # a person has to do or decide what is left
    FAILED = "failed"  # an error says what stopped it


@dataclass(frozen=True)
class PastRun:
    """One run as its journal tells it."""

    id: str
    path: Path
    plan: Plan
    entries: tuple[Entry, ...] = field(repr=False)

    @property
    def started_at(self) -> datetime:
        return datetime.fromisoformat(self.entries[0].at)

    @property
    def is_fetched(self) -> bool:
        """Whether its journal came from the cluster, and nobody has agreed to its plan here yet."""
        return fetched_mark(self.path).exists()

    @property
    def last_at(self) -> datetime:
        return datetime.fromisoformat(self.entries[-1].at)

    @property
    def ending(self) -> Ending | None:
        """None for a run that was interrupted, or still goes on."""
        last = self.entries[-1]
        return Ending(last.data["outcome"]) if last.type == ENDED else None

    @property
    def error(self) -> str:
        """What stopped it; empty when nothing did."""
        last = self.entries[-1]
        return str(last.data.get("error", "")) if last.type == ENDED else ""

    @cached_property
    def events(self) -> tuple[RunEvent, ...]:
        return tuple(msgspec.convert(entry.data, RunEvent) for entry in self.entries if entry.type == EVENT)

    @cached_property
    def steps(self) -> tuple[StepRecord, ...]:
        """Every step of the plan, with the last that was told of it."""
        told: dict[str, list[RunEvent]] = {}
        for event in self.events:
            told.setdefault(event.step, []).append(event)
        return tuple(
            _record(StepRecord(step.id, step.kind, step.title, StepState.PLANNED), told.get(step.id, []))
            for step in self.plan.steps
        )

    @property
    def finished(self) -> Mapping[str, StepRecord]:
        """The steps that were done, and need not be done again."""
        doing = {step.id for step in self.plan.steps if step.decision is Decision.DO}
        return {step.id: step for step in self.steps if step.id in doing and step.state is StepState.DONE}

    @property
    def written(self) -> tuple[Change, ...]:
        """The changes that were sent, in order, whether or not their answer came, and were not taken back."""
        bodies = [entry.data.get("body") for entry in self._writes()]
        undone = {step.id for step in self.steps if step.state is StepState.UNDONE}
        found = []
        for step in self.plan.steps:
            sent = [change for change in step.changes if _body(change) in bodies and _body(change)]
            found += [] if step.id in undone else sent
        return tuple(found)

    @property
    def pauses(self) -> tuple[str, ...]:
        """What it has paused and not let go again, as far as its journal tells."""
        sent = [entry.data.get("body") for entry in self._writes()]
        paused = (step for step in self.plan.steps if step.block == PAUSING and step.section == "steps")
        standing = (step for step in paused if any(_body(change) in sent for change in step.changes))
        released = {f"un{step.id}" for step in self.steps if step.state is StepState.UNDONE}
        released |= {step.id for step in self.steps if step.state is StepState.DONE}
        return tuple(step.title for step in standing if f"un{step.id}" not in released)

    def check_resumable(self) -> None:
        """Raises Refused for a run that has come to its end, or was undone."""
        if self.ending is not None and self.ending in _OVER:
            raise Refused(f"run {self.id} has ended: {self.ending}", hint="make a new plan, or take it back: vops undo")
        if any(step.state is StepState.UNDONE for step in self.steps):
            raise Refused(f"run {self.id} was undone when a step failed", hint="make a new plan")
        cleaning = {step.id for step in self.plan.steps if step.section == "always" and step.changes}
        if any(step.state is StepState.DONE and step.id in cleaning for step in self.steps):
            raise Refused(f"run {self.id} has cleaned up after itself when a step failed", hint="make a new plan")

    def _writes(self) -> Iterator[Entry]:
        """The writes in earnest, as they were sent."""
        for entry in self.entries:
            if entry.type == WRITE and entry.data["phase"] == "before" and not entry.data.get("dry_run"):
                yield entry


def _body(change: Change) -> object:
    """What is sent for a change."""
    return list(change.operations) or change.document or None


def _record(step: StepRecord, told: list[RunEvent]) -> StepRecord:
    if not told:
        return step
    last = told[-1]
    return msgspec.structs.replace(
        step,
        state=last.state,
        message=last.message,
        started_at=told[0].at,
        ended_at=last.at,
        outputs=last.outputs,
    )


def past_run(state: Path, run_id: str) -> PastRun:
    """A run by its id, or by the beginning of it where only one begins so.

    Raises UsageError for a run that is not known here, InputError for a journal that is damaged.
    """
    ids = [path.stem for path in _journals(state)]
    found = [run_id] if run_id in ids else [item for item in ids if item.startswith(run_id)]
    if len(found) != 1:
        what = "is not a run of this machine" if not found else f"could be {', '.join(sorted(found)[:5])}"
        raise UsageError(f"{run_id!r} {what}", hint="vops runs lists them")
    return read_run(journal_path(state, found[0]))


def past_runs(state: Path) -> tuple[list[PastRun], list[str]]:
    """Every run of this machine, the newest first, and what is wrong with the journals that cannot be read."""
    found, problems = [], []
    for path in sorted(_journals(state), reverse=True):
        try:
            found.append(read_run(path))
        except InputError as error:
            problems.append(error.message)
    return found, problems


def _journals(state: Path) -> list[Path]:
    return list((state / "runs").glob("*.jsonl"))


def fetched_mark(journal: Path) -> Path:
    """The file that stands beside a fetched journal until its plan is agreed to."""
    return journal.with_suffix(".fetched")


def read_run(path: Path) -> PastRun:
    """The run that a journal tells of. Raises InputError for a journal that is damaged or holds none."""
    entries = read_journal(path)
    if not entries or entries[0].type != BEGUN:
        raise InputError("holds no run: it was interrupted before it began", path=str(path))
    try:
        plan = msgspec.convert(entries[0].data["plan"], Plan)
    except (KeyError, msgspec.ValidationError) as error:
        raise InputError(f"its plan cannot be read: {error}", path=str(path), line=1) from error
    return PastRun(path.stem, path, plan, entries)
