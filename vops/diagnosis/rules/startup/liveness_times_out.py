"""The liveness probe of a server waits for an answer in vain, again and again, by the kubelet's events alone.

What it finds
    `Liveness probe failed: … awaiting headers` several times, where events are all that was handed in: the server
    takes connections and answers too late. Nothing tells whether the kubelet has killed it yet.

Why it matters
    At failureThreshold misses in a row the kubelet kills the container, and with it all requests that it serves.

Evidence
    The kubelet's event.

Fix
    By hand: a timeout of at least 5 s, and a threshold of at least 3.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.probes import failures
from vops.diagnosis.states import AWAITED


@rule(cause="liveness-kill-under-load", branch=Branch.SERVE, order=20)
def liveness_times_out(replica: Replica) -> Verdict | None:
    """Only of what stands for a pod: one that was seen has restarts and states that tell more."""
    late = None if replica.observed else failures(replica, "Liveness")
    if late is None or not AWAITED.search(late.message):
        return None
    return Verdict(
        summary=f"{replica.name} answers its liveness probe too late, {late.times} times so far",
        evidence=(evidence.event(late),),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(
            remedies.by_steps(
                replica,
                "Give the liveness probe patience",
                (
                    "Set livenessProbe.timeoutSeconds to 5 or more and failureThreshold to 3 or more.",
                    "/health only asks whether the engine lives: a late answer means a busy server, not a dead one.",
                ),
            ),
        ),
    )
