"""`vllm.bench`: puts a workload under a small, bounded load and measures it, to compare before with after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vops.errors import VopsError
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, StepFault
from vops.runbooks.load import Endpoint, Load, put_under_load
from vops.runbooks.params import seconds, unreadable
from vops.runbooks.pods import ready_pods

KIND = "vllm.bench"
GROUP = Group.WAIT
RIGHTS = ("get ref", "list pods", "get pods/proxy", "create pods/proxy")
OUTPUTS = {
    "measured": "bool",
    "requests": "int",
    "failed": "int",
    "ttftP50": "any",
    "ttftP95": "any",
    "latencyP95": "any",
    "tokensPerS": "any",
}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """A Deployment, StatefulSet or Pod; its ready pods are loaded in turn."""
    port: int = 8000
    concurrency: int = 4
    """Requests at a time."""
    duration: str | float = "30s"
    """For how long."""
    optional: bool = False
    """Whether it may fail to measure: then `measured` is false and the rest null."""


def complaint(args: Mapping[str, Any]) -> str:
    """A duration that is none."""
    return unreadable(args, "duration")


async def run(args: Args, ports: Ports) -> Outcome:
    """What was measured. Raises StepFault when nothing was and it is not optional."""
    try:
        pods = await ready_pods(ports.cluster, args.ref.ref)
        if not pods:
            raise StepFault(f"no pod of {args.ref.ref} is ready, so there is nothing to measure", reason="NotReady")
        endpoints = [Endpoint(args.ref.namespace, pod, args.port) for pod in pods]
        load = Load(args.concurrency, min(seconds(args.duration), max(1.0, ports.deadline - ports.clock.monotonic())))
        found = await put_under_load(ports.cluster, ports.clock, endpoints, load)
        if found.failed == found.requests:
            raise StepFault(f"every request to {args.ref.ref} failed: {found.error}", reason="AllFailed")
    except VopsError as error:
        if not args.optional:
            raise
        return Outcome({"measured": False}, (f"not measured: {error}",))
    measured = msgspec.to_builtins(found)
    outputs = {"measured": True, **{name: measured[name] for name in OUTPUTS if name in measured}}
    return Outcome(outputs, (_said(found.requests, found.failed, found.ttft_p95, found.tokens_per_s),))


def _said(requests: int, failed: int, ttft_p95: float | None, tokens_per_s: float | None) -> str:
    words = [f"{requests} requests, {failed} failed"]
    words += [] if ttft_p95 is None else [f"first token p95 {ttft_p95:.2f} s"]
    words += [] if tokens_per_s is None else [f"{tokens_per_s:.0f} tokens/s"]
    return ", ".join(words)
