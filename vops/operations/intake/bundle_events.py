"""Events of a bundle that holds nothing else: what each is about, in the kinds that vops can make something of."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vops.model.resources import Event
from vops.operations.intake.bundle_subjects import CREATES, MADE_BY, UNNAMED
from vops.operations.printed.describe_sentences import sentence_within
from vops.operations.printed.operator_sentences import BY_REASON

_CONSEQUENCE = "NoRevision"


def about_something(event: Event) -> Event:
    """An event that names nothing is about one thing of its kind: that of all others like it.

    Whatever other kind than a Job makes pods of its own (a RayCluster) stands as the one that vops knows best.
    """
    event = _of_a_known_kind(event)
    about = event.involved_object
    makes = about.kind not in MADE_BY and event.reason in CREATES
    stands_as = "StatefulSet" if makes and about.kind != "Job" else about.kind
    named = msgspec.structs.replace(about, name=about.name or UNNAMED, kind=stands_as)
    return msgspec.structs.replace(event, involved_object=named)


def _of_a_known_kind(event: Event) -> Event:
    """What an operator says of an object of its own kind, as the event of whoever told it so."""
    if event.type != "Warning" or event.involved_object.kind in MADE_BY or event.reason in CREATES:
        return event
    told = sentence_within(event.message)
    what, kind = (told.reason, told.about["kind"]) if told is not None else BY_REASON.get(event.reason, ("", ""))
    if not what:
        return event
    about = msgspec.structs.replace(event.involved_object, kind=kind, name="")
    return msgspec.structs.replace(
        event, involved_object=about, reason=what, message=told.message if told is not None else event.message
    )


def causes(events: Iterable[Event]) -> list[Event]:
    """Events without the word that a route has no revision that is ready, where something tells why."""
    told = list(events)
    others = [event for event in told if event.reason != _CONSEQUENCE]
    return others if any(event.type == "Warning" for event in others) else told
