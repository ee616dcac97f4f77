"""A close look at something as one sees it: at the cluster now, or at the instant of the past that is shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from vops.diagnosis.diagnose import diagnose
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.tui.examine import Examined, examine

if TYPE_CHECKING:
    from vops.tui.app import VopsApp

NOT_KEPT = "as it was then: from what was kept of that instant"


class Look(NamedTuple):
    """What was found, and how far it can be believed."""

    found: Examined
    remark: str = ""


async def look(app: VopsApp, ref: Ref) -> Look:
    """Raises the errors of vops.errors, also where there is nothing to look at."""
    picture = app.picture
    if app.machine.at is not None and picture is not None:
        report = await asyncio.to_thread(diagnose, picture.facts, ref)
        return Look(Examined(picture.facts, report), NOT_KEPT)
    if app.session is None:
        raise VopsError("not connected", hint="r on the fleet tries again, c chooses another context")
    return Look(await examine(app.session, ref, picture.facts.snapshot.samples if picture is not None else ()))
