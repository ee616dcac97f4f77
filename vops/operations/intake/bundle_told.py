"""Texts in which no program tells of a failure: what somebody says in them, in words of their own.

A post that quotes one line of a client or a server counts as a log, and one that shows a table or events in which all
is well as a description. Where no rule makes anything of it, the paragraphs around are asked as those of a post that
shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from vops.model.patterns import lazy_pattern
from vops.model.resources import Event, ObjectReference
from vops.model.snapshot import ClusterSnapshot
from vops.model.text import scrub
from vops.operations.intake.bundle_contents import Contents
from vops.operations.intake.bundle_files import BundleFile, Content
from vops.operations.intake.bundle_wrappings import without_sources
from vops.operations.printed.describe_events import Told
from vops.operations.printed.describe_sentences import cloud_sentence, sentence_within
from vops.operations.printed.logs_within import has_log_lines
from vops.operations.printed.prose_texts import prose_events
from vops.operations.printed.waiting_texts import waiting_sentence

_ROW = lazy_pattern(r"\S {2,}\S.* {2,}\S|^\s*[\w./-]{1,80}(?: \w{1,30}){0,3}:(?:\s|$)|\t|^\s*(?:\$|NAME\b)|^ {2,}\S")
"""Columns, fields and commands."""


def told_within(files: Iterable[BundleFile]) -> ClusterSnapshot | None:
    """What people tell in the texts of a bundle that has nothing else; None where they tell nothing."""
    texts: list[str] = []
    for file in files:
        if file.content not in (Content.LOG, Content.DESCRIBED):
            return None
        texts += [] if file.name.endswith(".log") or without_sources(file.body) else [_text(file)]
    events = [_event(told) for text in texts if not has_log_lines(text) for told in prose_events(text)]
    if not events:
        return None
    contents = Contents([])
    contents.add_events(events)
    contents.add_subjects_of_events()
    return contents.snapshot(datetime.now(UTC))


def _text(file: BundleFile) -> str:
    """What a file says; of what shows tables, fields and events only the lines in which people may say something."""
    text = scrub(file.body.decode("utf-8-sig", "replace"))
    return text if file.content is Content.LOG else "\n".join(filter(_is_peoples, text.splitlines()))


def _is_peoples(line: str) -> bool:
    """Whether a line is neither a row nor quotes a component, whose words were read already and told of no failure."""
    return not (_ROW.search(line) or sentence_within(line) or waiting_sentence(line) or cloud_sentence(line))


def _event(told: Told) -> Event:
    about = ObjectReference(kind=told.about["kind"], name=told.about["name"])
    return Event(involved_object=about, type=told.type, reason=told.reason, message=told.message)
