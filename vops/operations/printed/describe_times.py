"""When a description was printed, and so when its events, which have ages, were seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vops.operations.printed.describe_events import Told
from vops.operations.printed.describe_outline import Entry, iso_moment, moment

Document = dict[str, Any]


def custom_events(entries: Entry, told: list[Told]) -> list[Document]:
    """The events of an object of another kind, dated by the times that the object itself has."""
    about = {"kind": entries.value("Kind"), "name": entries.value("Name"), "namespace": entries.value("Namespace")}
    known = [when for entry in entries.all() if (when := iso_moment(entry.value_text)) is not None]
    at = max(known, default=datetime.now(UTC)) + timedelta(seconds=max((item.first_s or 0 for item in told), default=0))
    return dated([msgspec.structs.replace(item, about=item.about | about) for item in told], at)


def dated(told: list[Told], at: datetime) -> list[Document]:
    """Events with the times that their ages come to, counted back from `at`."""
    return [
        {
            "kind": "Event",
            "metadata": {"namespace": item.about.get("namespace", "")},
            "involvedObject": {key: value for key, value in item.about.items() if value},
            "type": item.type,
            "reason": item.reason,
            "message": item.message,
            "count": item.times,
            "source": {"component": item.source},
            **_seen(item, at),
        }
        for item in told
    ]


def _seen(item: Told, at: datetime) -> Document:
    found = {"lastTimestamp": item.last_s, "firstTimestamp": item.first_s}
    return {key: (at - timedelta(seconds=age)).isoformat() for key, age in found.items() if age is not None}


def printed_at(entries: Entry, told: list[Told]) -> datetime | None:
    """A time in the text plus the age of the event that belongs to it; else the latest time that it names."""
    begun = moment(entries.value("Start Time"))
    ages = {item.reason: item.last_s for item in told if item.last_s is not None}
    scheduled = ages.get("Scheduled")
    named = [found for entry in entries.all() if (found := moment(entry.value_text)) is not None]
    if begun is not None and scheduled is not None:
        named.append(begun + timedelta(seconds=scheduled))
    elif begun is not None and told:
        named.append(begun + timedelta(seconds=max(item.first_s or 0 for item in told)))
    started = [found for entry in entries.all("Started") if (found := moment(entry.value_text)) is not None]
    if started and "Started" in ages:
        named.append(max(started) + timedelta(seconds=ages["Started"]))
    fresh = started and begun is None and not any(item.value_text.strip("0") for item in entries.all("Restart Count"))
    if fresh and told:  # what is told of a pod that never restarted began when its containers did
        named.append(min(started) + timedelta(seconds=max(item.first_s or 0 for item in told)))
    ended = [found for entry in entries.all("Finished") if (found := moment(entry.value_text)) is not None]
    if ended and "Killing" in ages:
        named.append(max(ended) + timedelta(seconds=ages["Killing"]))
    return max(named, default=None)


def snap(entries: Entry, events: list[Document], told: list[Told]) -> None:
    """A kill whose age fits the end of an instance happened then: ages are rounded, ends are not."""
    ends = [found for entry in entries.all("Finished") if (found := moment(entry.value_text)) is not None]
    for event, item in zip(events, told, strict=True):
        if item.reason != "Killing" or "lastTimestamp" not in event:
            continue
        seen = datetime.fromisoformat(event["lastTimestamp"])
        near = [end for end in ends if abs(end - seen) <= timedelta(seconds=2 * item.precision_s + 90)]
        if near:
            event["lastTimestamp"] = max(near).isoformat()
