"""A close look at one thing: everything about it is fetched once, logs included, and diagnosed off the loop."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Report
from vops.model.resources import Ref
from vops.operations.observe import observe
from vops.operations.session import Session


class Examined(NamedTuple):
    """What was observed, joined, and what the rules say about it."""

    facts: Facts
    report: Report


async def examine(session: Session, ref: Ref) -> Examined:
    """Raises the errors of vops.errors."""
    snapshot = await observe(session, target=ref)

    def read() -> Examined:
        facts = Facts(snapshot)
        return Examined(facts, diagnose(facts, ref))

    return await asyncio.to_thread(read)


async def examine_all(session: Session, namespace: str) -> list[Report]:
    """A report on each replica, and on what else is wrong; everywhere when `namespace` is empty. Raises VopsError."""
    snapshot = await observe(session, namespace=namespace)
    return await asyncio.to_thread(lambda: diagnose_all(Facts(snapshot)))
