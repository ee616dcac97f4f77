"""`k8s.events`: what Kubernetes has told of an object and of its pods when the plan is made, the newest first.

The API server keeps events for an hour unless it is told otherwise: none means that nothing was told lately.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.model.resources import EVENTS, Event
from vops.model.secrets import mask
from vops.model.text import one_line
from vops.runbooks.asks import ListAsk
from vops.runbooks.kinds import Group, Outcome, RefArg, StepFault, View
from vops.runbooks.pods import seen_pods

KIND = "k8s.events"
GROUP = Group.LOOK
RIGHTS = ("get ref", "list pods", "list events")
OUTPUTS = {"events": "list", "count": "int", "reasons": "list"}
MOST = 50
_SHOWN = 3
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The object; of a workload, its pods as well."""
    reasons: tuple[str, ...] = ()
    """Only those with one of these reasons, such as FailedScheduling."""
    warnings: bool = False
    """Only warnings."""


def look(args: Args, view: View) -> Outcome:
    """Each event's reason, type, message, object, times and seconds since. Raises StepFault where none may be read."""
    ref = args.ref.ref
    told = view.answer(ListAsk(EVENTS, ref.namespace))
    if told is None:
        raise StepFault(f"events in {ref.namespace} may not be read", hint="ask for the verb 'list' on events")
    about = {(ref.kind, ref.name)}
    if ref.kind in _WORKLOADS:
        about |= {("Pod", pod.metadata.name) for pod in seen_pods(view, ref)}
    found = sorted((event for event in told if _is_meant(event, args, about)), key=_when, reverse=True)
    events = [_plain(event, view) for event in found[:MOST]]
    reasons = list(dict.fromkeys(event.reason for event in found))
    shown = [f"{event['reason']} on {event['object']}: {event['message']}" for event in events[:_SHOWN]]
    says = (f"{len(found)} events: {'; '.join(shown)}." if found else f"Nothing was told of {ref} lately.",)
    return Outcome({"events": events, "count": len(found), "reasons": reasons}, says)


def _is_meant(event: Event, args: Args, about: set[tuple[str, str]]) -> bool:
    of = event.involved_object
    asked = not args.reasons or event.reason in args.reasons
    return (of.kind, of.name) in about and asked and (not args.warnings or event.type == "Warning")


def _when(event: Event) -> str:
    return str(event.last_seen or "")


def _plain(event: Event, view: View) -> dict[str, Any]:
    seen = event.last_seen
    return {
        "reason": event.reason,
        "type": event.type,
        "message": mask(one_line(event.message)),
        "object": f"{event.involved_object.kind.lower()}/{event.involved_object.name}",
        "times": event.times,
        "forSeconds": None if seen is None else max(0.0, (view.snapshot.at - seen).total_seconds()),
    }
