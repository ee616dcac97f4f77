"""The server holds more GPUs than it is split over.

What it finds
    A server that serves, and whose container has more GPUs than its tensor × pipeline × data parallel size. Servers
    that span several pods, or whose command line cannot be read, are left alone.

Why it matters
    Every GPU of a pod is its own: nobody else can have those that it does not use, and nothing fails that would say so.

Evidence
    The GPU limit, and the sizes on the command line.

Fix
    `fix-gpu-count`, else by hand: ask for as many GPUs as the server uses, or split the model over all of them.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix, Severity
from vops.diagnosis.placement.demands import amounts, is_gpu
from vops.diagnosis.rule import Branch, Verdict, rule

_SEVERAL_PODS = ("nnodes", "node-rank", "headless", "data-parallel-address", "data-parallel-size-local")
_BY_OTHERS = ("ray", "external_launcher")


@rule(cause="tp-mismatch", branch=Branch.TRAFFIC, order=60)
def gpus_idle(replica: Replica) -> Verdict | None:
    has, used = _own_gpus(replica), replica.args.gpus
    if not replica.observed or has <= used or _cannot_be_told(replica):
        return None
    return Verdict(
        summary=f"{replica.name} has {has} GPUs and is split over {used}: {has - used} stay idle",
        evidence=(
            evidence.container_field(replica, "resources.limits", f"{has} GPUs", expected=str(used)),
            evidence.container_field(replica, "args[tensor × pipeline × data parallel size]", str(used)),
        ),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(_fix(replica, has, used),),
    )


def _own_gpus(replica: Replica) -> int:
    limits = amounts(replica.container.resources.limits)
    return int(sum(count for name, count in limits.items() if is_gpu(name)))


def _cannot_be_told(replica: Replica) -> bool:
    args = replica.args
    backend = args.location("distributed-executor-backend")
    return (
        args.line is None
        or args.headless
        or any(args.location(flag) is not None for flag in (*_SEVERAL_PODS, "config"))
        or (backend is not None and backend.value in _BY_OTHERS)
        or (replica.owner is not None and replica.owner.kind == "LeaderWorkerSet")
    )


def _fix(replica: Replica, has: int, used: int) -> Fix:
    step = f"Set resources.limits to {used} GPUs, or --tensor-parallel-size to {has} where that divides the heads."
    params = {"container": replica.container.name, "gpus": used}
    title = f"Ask for the {used} GPUs that it uses" if used > 1 else "Ask for the one GPU that it uses"
    return remedies.runbook(replica, "fix-gpu-count", title, Applicability.SAFE, params, by_hand=(step,), notes=(step,))
