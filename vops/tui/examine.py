"""A close look at one thing: everything about it is fetched once, logs included, and diagnosed off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Report
from vops.model.objects import Ref
from vops.model.snapshot import EngineSamples
from vops.operations.observation.observe import observe
from vops.operations.session import Session


class Examined(NamedTuple):
    """What was observed, joined, and what the rules say about it."""

    facts: Facts
    report: Report


async def examine(session: Session, ref: Ref, watched: Sequence[EngineSamples] = ()) -> Examined:
    """Raises the errors of vops.errors.

    The scrapes that are `watched` anyway lie further apart than those of one look, and so say more of how it serves.
    """
    looked = await observe(session, target=ref)
    snapshot = msgspec.structs.replace(looked, samples=_merged(looked.samples, watched))

    def read() -> Examined:
        facts = Facts(snapshot)
        return Examined(facts, diagnose(facts, ref))

    return await asyncio.to_thread(read)


def _merged(looked: Sequence[EngineSamples], watched: Sequence[EngineSamples]) -> tuple[EngineSamples, ...]:
    """For each server that was looked at the pair of scrapes that lies further apart, if both of it are current."""
    known = {(item.namespace, item.pod): item for item in watched if not item.stale and not item.error}
    return tuple(max(item, known.get((item.namespace, item.pod), item), key=_window_s) for item in looked)


def _window_s(item: EngineSamples) -> float:
    if item.earlier is None or item.latest is None:
        return 0.0
    return (item.latest.at - item.earlier.at).total_seconds()


async def examine_all(session: Session, namespace: str) -> list[Report]:
    """A report on each replica, and on what else is wrong; everywhere when `namespace` is empty. Raises VopsError."""
    snapshot = await observe(session, namespace=namespace)
    return await asyncio.to_thread(lambda: diagnose_all(Facts(snapshot)))
