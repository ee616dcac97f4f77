"""Watches over what a run has changed, for some minutes after it has gone well.

Numbers come from the pictures that the app has anyway; the changed objects are read now and then, to see whether
somebody has written something else since. Nothing is written here: `u` plans to take the run back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from vops.diagnosis.aftermath import Aftermath, Measure, aftermath, measure
from vops.diagnosis.facts import Facts, WorkloadFacts
from vops.errors import NotFound, VopsError
from vops.model.objects import Ref
from vops.operations.running.run import live_document
from vops.operations.session import Session
from vops.planning.holding import Overwritten, overwritten
from vops.planning.plan import Plan
from vops.render.text import Line
from vops.render.undo_card import card_lines, worst_of

_WORKLOADS = ("Deployment", "StatefulSet")


def measured(plan: Plan, facts: Facts | None) -> Mapping[Ref, Measure]:
    """The workloads that a plan is about, as they are now; those that are not there are left out."""
    return {ref: measure(found) for ref, found in workloads_of(plan, facts)}


class WatchWindow:
    """Begins when a run has ended; `now_others` are the fields that others have written since."""

    def __init__(self, plan: Plan, before: Mapping[Ref, Measure], facts: Facts | None, now: datetime, span: timedelta):
        self._plan, self._before = plan, before
        self._at_end = measured(plan, facts)
        self.ended, self.until = now, now + span
        self.others: tuple[Overwritten, ...] = ()
        self._found: tuple[Aftermath, ...] = ()

    def look(self, facts: Facts | None) -> None:
        """Holds the newest picture against how it was; what was not there at the end begins now."""
        found = []
        for ref, workload in workloads_of(self._plan, facts):
            self._at_end = {ref: measure(workload), **self._at_end}
            found.append(aftermath(workload, self._before.get(ref), self._at_end[ref]))
        self._found = tuple(found)

    async def read(self, session: Session) -> None:
        """Reads the changed objects; what cannot be read says nothing."""
        found: list[Overwritten] = []
        for change in self._plan.changes:
            try:
                document = await live_document(session, change.target)
            except NotFound:
                found += overwritten(None, change)
            except VopsError:
                return
            else:
                found += overwritten(document, change)
        self.others = tuple(found)

    @property
    def worst(self) -> str:
        """What is wrong since the end, in one line; empty when nothing is."""
        return worst_of(self._found, self.others)

    def lines(self, now: datetime) -> list[Line]:
        return card_lines(self._found, self.others, self.ended, self.until, now)


def workloads_of(plan: Plan, facts: Facts | None) -> Iterable[tuple[Ref, WorkloadFacts]]:
    """The workloads that a plan is about, by reference without a uid: one that is made anew is the same."""
    if facts is None:
        return []
    named: Sequence[Ref] = [*plan.locks, *(item.target for item in plan.impacts or ())]
    named = [*named, *(change.target for change in plan.changes)]
    refs = dict.fromkeys(Ref(ref.kind, ref.name, ref.namespace) for ref in named if ref.kind in _WORKLOADS)
    found = ((ref, facts.workload(ref.kind, ref.namespace, ref.name)) for ref in refs)
    return [(ref, item) for ref, item in found if item is not None]
