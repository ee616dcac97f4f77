"""Who changed it: annotations on a workload that a run changes, so that a colleague who looks at it knows.

`kubernetes.io/change-cause` is what `kubectl rollout history` shows, `vops.dev/last-run` leads to the run, and
`vops.dev/undo-until` says how long any machine may take it back (see vops.operations.running.journal_copy). They stand
on the object and never on its pod template, so they start no rollout, and on nothing that Git owns. They are sent with
the change and taken back with it; nothing is decided by them, and what others write there stops no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from vops.planning.changes import CAUSE, RUN, UNDO_UNTIL, Change, Verb, is_mark
from vops.planning.ownership import owners
from vops.planning.patches import Document
from vops.planning.pointers import ABSENT, join

_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_ANNOTATIONS = "/metadata/annotations"
LONGEST = 200


def marked(change: Change, document: Document, run: str, cause: str, until: datetime) -> Change:
    """`change` with the annotations that tell of `run`, and their way back; as it is where none belong."""
    present = document["metadata"].get("annotations")
    if not present:
        return change  # room for the first one cannot be made without a risk for what somebody adds meanwhile
    is_workload = change.verb is Verb.PATCH and change.target.kind in _KINDS
    edits_annotations = any(path.startswith(_ANNOTATIONS) for path in change.touched)
    if not is_workload or edits_annotations or present.get(RUN) == run or _is_anothers(document):
        return change
    wanted = {RUN: run, CAUSE: cause[:LONGEST], UNDO_UNTIL: instant(until)}
    same_object, *rest = change.operations
    return msgspec.structs.replace(
        change,
        operations=(same_object, *_writes(wanted), *rest),
        undo=(*(change.undo or (same_object,)), *_reverses(present, wanted)),
    )


def _is_anothers(document: Document) -> bool:
    """Whether Git or an operator says what the object is: they revert, or keep for ever, what they do not know."""
    return any(owner.reverts for owner in owners(document, ()))


def _writes(wanted: Document) -> list[Document]:
    return [{"op": "add", "path": _path(name), "value": value} for name, value in wanted.items()]


def _reverses(present: Document, wanted: Document) -> list[Document]:
    found: list[Document] = []
    for name, value in wanted.items():
        old = present.get(name, ABSENT)
        back = {"op": "remove", "path": _path(name)}
        if old is not ABSENT:
            back = {"op": "replace", "path": _path(name), "value": old}
        found += [{"op": "test", "path": _path(name), "value": value}, back]
    return found


def _path(name: str) -> str:
    return join(("metadata", "annotations", name))


def unmarked(operations: Sequence[Document]) -> tuple[Document, ...]:
    """The operations without those that mark."""
    return tuple(item for item in operations if not is_mark(item))


def instant(at: datetime) -> str:
    """A time as annotations hold it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
