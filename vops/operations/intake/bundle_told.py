"""Texts that were read as logs and tell of no failure as such: what somebody says in them, in words of their own.

A post that quotes one line of a client or a server counts as a log. Where no rule makes anything of it, the paragraphs
around that line are asked as those of a post without a quotation are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from vops.model.resources import Event, ObjectReference
from vops.model.snapshot import ClusterSnapshot
from vops.model.text import scrub
from vops.operations.intake.bundle_contents import Contents
from vops.operations.intake.bundle_files import BundleFile, Content
from vops.operations.intake.bundle_wrappings import without_sources
from vops.operations.printed.describe_events import Told
from vops.operations.printed.logs_within import has_log_lines
from vops.operations.printed.prose_texts import prose_events


def told_within(files: Iterable[BundleFile]) -> ClusterSnapshot | None:
    """What people tell in the texts of a bundle that has nothing else; None where they tell nothing."""
    texts: list[str] = []
    for file in files:
        if file.content is not Content.LOG:
            return None
        texts += [] if file.name.endswith(".log") or without_sources(file.body) else [scrub(file.text)]
    events = [_event(told) for text in texts if not has_log_lines(text) for told in prose_events(text)]
    if not events:
        return None
    contents = Contents([])
    contents.add_events(events)
    contents.add_subjects_of_events()
    return contents.snapshot(datetime.now(UTC))


def _event(told: Told) -> Event:
    about = ObjectReference(kind=told.about["kind"], name=told.about["name"])
    return Event(involved_object=about, type=told.type, reason=told.reason, message=told.message)
