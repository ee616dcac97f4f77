"""A close look at one thing: everything about it is fetched once, logs included, and diagnosed off the loop."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from vops.diagnosis.diagnose import diagnose
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
