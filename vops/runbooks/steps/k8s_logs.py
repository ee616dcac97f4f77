"""`k8s.logs`: the end of the logs of a workload's pods as they are when the plan is made, for later steps to decide on.

What comes in is bounded and has secrets masked, since it becomes a part of the plan. It decides, and is told: a change
takes its values from parameters and objects, not from what a program has printed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from vops.model.pods import Pod
from vops.model.secrets import mask
from vops.runbooks.asks import LogAsk
from vops.runbooks.kinds import Group, Outcome, RefArg, View
from vops.runbooks.pods import seen_pods

KIND = "k8s.logs"
GROUP = Group.LOOK
RIGHTS = ("get ref", "list pods", "get pods/log")
OUTPUTS = {"lines": "list", "count": "int", "pods": "list"}
MOST_BYTES = 20_000
_MOST_PODS = 10
_SHOWN = 3


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """A workload or a pod; of a workload, its ten newest pods."""
    container: str = ""
    """Which of its containers; the first without one."""
    previous: bool = False
    """Read what the container wrote before it was started anew."""
    tail: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    """How many lines from the end of each log."""
    match: str = ""
    """Keep only lines in which this regular expression is found."""


def complaint(args: Mapping[str, Any]) -> str:
    """A pattern that is none."""
    pattern = args.get("match", "")
    try:
        re.compile("" if "${" in str(pattern) else str(pattern))
    except re.error as error:
        return f"has `match`: {error}"
    return ""


def look(args: Args, view: View) -> Outcome:
    """The lines, the newest pod's first; a log that is not there, or may not be read, has none."""
    pods = seen_pods(view, args.ref.ref)[:_MOST_PODS]
    wanted = re.compile(args.match)
    lines = [line for pod in pods for line in _log(args, view, pod) if wanted.search(line)]
    kept = _bounded(lines)
    names = [pod.metadata.name for pod in pods]
    found = f" with {args.match!r}" if args.match else ""
    head = f"{len(lines)} lines{found} in the logs of {len(pods)} pods{': ' if kept else '.'}"
    return Outcome({"lines": kept, "count": len(lines), "pods": names}, (head + " / ".join(kept[-_SHOWN:]),))


def _log(args: Args, view: View, pod: Pod) -> list[str]:
    container = args.container or next((item.name for item in pod.spec.containers), "")
    meta = pod.metadata
    text: str = view.answer(LogAsk(meta.namespace, meta.name, container, args.previous, args.tail))
    return [str(mask(line)) for line in text.splitlines()]


def _bounded(lines: list[str]) -> list[str]:
    """The last lines, as many as fit."""
    kept: list[str] = []
    left = MOST_BYTES
    for line in reversed(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            break
        kept.insert(0, line)
    return kept
