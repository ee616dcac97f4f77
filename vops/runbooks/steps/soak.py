"""`soak`: watches a workload for a while after a change: restarts, pods that stop being ready, and who reverts what.

A field that the run has changed and that has another value now was reverted: the newest field manager that covers it is
named, with the time. What it measures is there for the steps after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vops.errors import NotVerified
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.planning.changes import Change, Verb, kind_of
from vops.planning.ownership import last_writer
from vops.planning.patches import Document, same
from vops.planning.pointers import ABSENT, lookup, split
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, StepFault
from vops.runbooks.params import seconds, unreadable
from vops.runbooks.pods import is_ready, pods_of
from vops.runbooks.waiting import Watch

KIND = "soak"
GROUP = Group.WAIT
RIGHTS = ("get ref", "list pods")
OUTPUTS = {"restarts": "int", "notReady": "int", "seconds": "double"}
PAUSE_S = 5.0


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    ref: RefArg
    """The Deployment or StatefulSet."""
    for_: str | float = msgspec.field(name="for")
    """For how long."""
    fail_when: str = ""
    """A CEL condition on `obj` (`restarts`, `notReady`, `ready` since the soak began) that ends it as a failure.

    Without one, a restart does.
    """


def complaint(args: Mapping[str, Any]) -> str:
    """A duration that is none."""
    return unreadable(args, "for")


async def run(args: Args, ports: Ports) -> Outcome:
    """What was seen. Raises StepFault when `failWhen` holds, NotVerified naming who has reverted a change."""
    duration_s = seconds(args.for_)
    watch = Watch(ports, fail_when=args.fail_when or "obj.restarts > 0")
    end, began = min(ports.clock.monotonic() + duration_s, ports.deadline - PAUSE_S), ports.clock.monotonic()
    restarts: dict[str, int] = {}
    seen = {"restarts": 0, "notReady": 0, "ready": 0}
    while ports.clock.monotonic() < end:
        found = await ports.patiently(lambda: _look(args, ports), pause_s=PAUSE_S)
        if found is None:
            continue
        pods, document = found
        _refuse_reverts(document, args.ref.ref, ports)
        seen = _tally(pods, restarts)
        try:
            watch.is_over(seen)
        except StepFault as fault:
            raise StepFault(f"{args.ref.ref}: {_said(seen)} ({fault})", reason="Unstable") from fault
        ports.say(f"{_said(seen)}, {max(0.0, end - ports.clock.monotonic()):.0f} s to go")
    outputs = {**seen, "seconds": ports.clock.monotonic() - began}
    return Outcome(outputs, (f"{_said(seen)} in {outputs['seconds']:.0f} s",))


async def _look(args: Args, ports: Ports) -> tuple[tuple[Pod, ...], Document]:
    ref = args.ref.ref
    return await pods_of(ports.cluster, ref), await ports.cluster.get(kind_of(ref), ref.name, ref.namespace)


def _tally(pods: tuple[Pod, ...], before: dict[str, int]) -> dict[str, Any]:
    """Restarts since each pod was first seen, and how many are ready or not."""
    restarts = 0
    for pod in pods:
        count = sum(status.restart_count for status in pod.status.container_statuses)
        restarts += count - before.setdefault(pod.metadata.uid, count)
    ready = sum(is_ready(pod) for pod in pods)
    return {"restarts": restarts, "notReady": len(pods) - ready, "ready": ready}


def _said(seen: dict[str, Any]) -> str:
    return f"{seen['ready']} ready, {seen['notReady']} not, {seen['restarts']} restarts"


def _refuse_reverts(document: Document, ref: Ref, ports: Ports) -> None:
    changes = (item for item in ports.changes if item.verb is Verb.PATCH)
    mine = (item for item in changes if (item.target.kind, item.target.name) == (ref.kind, ref.name))
    last = {pointer: wanted for change in mine for pointer, wanted in _written(change)}
    for pointer, wanted in last.items():
        if same(lookup(document, split(pointer)), wanted):
            continue
        who, when = last_writer(document, pointer)
        at = f" at {when}" if when else ""
        raise NotVerified(
            f"{ref}: {pointer} was reverted by {who or 'somebody'}{at}",
            hint="make the change where that owner takes it from: vops fix -o yaml prints the patch",
        )


def _written(change: Change) -> list[tuple[str, Any]]:
    """What each of its fields shall be; places in lists that others may have moved are left out."""
    operations = [item for item in change.operations if item["op"] != "test"]
    last = {item["path"]: item.get("value", ABSENT) for item in operations}
    return [(path, value) for path, value in last.items() if not any(part.isdigit() for part in split(path)[:-1])]
