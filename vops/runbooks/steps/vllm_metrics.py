"""`vllm.metrics`: what the servers of a workload say of themselves now: running, waiting, KV cache, tokens."""

from __future__ import annotations

import msgspec

from vops.diagnosis.facts import Facts, Replica
from vops.model.known import total
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.planning.patches import Document
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, Stalled, StepFault
from vops.runbooks.waiting import Stall, Watch

KIND = "vllm.metrics"
GROUP = Group.WAIT
OUTPUTS = {"running": "any", "waiting": "any", "least": "any", "kvUsage": "any", "servers": "int"}
PAUSE_S = 5.0


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """A Deployment, StatefulSet or Pod."""
    until: str = ""
    """A CEL condition on `obj` (the outputs) to wait for, such as `obj.running == 0` to let a pod drain."""
    stall: Stall | None = None
    """What has to move on meanwhile: `obj.least`, the fewest requests seen running so far, while a pod gets quieter."""


async def run(args: Args, ports: Ports) -> Outcome:
    """The sums over the servers, once `until` holds. Raises TimedOut, Stalled, StepFault when none answers."""
    watch = Watch(ports, until=args.until, stall=args.stall)
    least: float | None = None

    async def look() -> ClusterSnapshot:
        return await ports.observe(args.ref.ref)

    while True:
        snapshot = await ports.patiently(look, pause_s=PAUSE_S)
        if snapshot is None:
            continue
        found = _sums(snapshot, args.ref.ref)
        least = min((number for number in (least, found["running"]) if number is not None), default=None)
        found["least"] = least
        if not args.until or _is_over(watch, found):
            if not found["servers"]:
                raise StepFault(f"no server of {args.ref.ref} answers")
            return Outcome(found, (_said(found),))
        ports.say(_said(found))


def _is_over(watch: Watch, found: Document) -> bool:
    """Whether the condition holds. Raises Stalled, in words."""
    try:
        return watch.is_over(found)
    except Stalled as stalled:
        if found["least"] is None:
            raise
        raise Stalled(
            f"it gets no quieter: never fewer than {found['least']:.0f} running", hint=stalled.hint
        ) from stalled


def _sums(snapshot: ClusterSnapshot, ref: Ref) -> Document:
    samples = [item.samples.latest for item in _replicas(snapshot, ref) if item.samples and item.samples.latest]
    usages = [item.kv_usage for item in samples if item.kv_usage is not None]
    return {
        "running": total(item.running for item in samples),
        "waiting": total(item.waiting for item in samples),
        "kvUsage": max(usages, default=None),
        "servers": len(samples),
    }


def _replicas(snapshot: ClusterSnapshot, ref: Ref) -> tuple[Replica, ...]:
    facts = Facts(snapshot)
    if ref.kind == "Pod":
        found = facts.replica(ref.namespace, ref.name)
        return () if found is None else (found,)
    workload = facts.workload(ref.kind, ref.namespace, ref.name)
    return () if workload is None else tuple(workload.replicas)


def _said(found: Document) -> str:
    running, waiting = (found[name] for name in ("running", "waiting"))
    if running is None or waiting is None:
        return "no server tells how many requests it has"
    return f"{running:.0f} running, {waiting:.0f} waiting"
