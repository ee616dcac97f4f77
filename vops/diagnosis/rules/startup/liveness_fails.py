"""A liveness probe fails again and again, by events alone: what it gets tells whether the server loads or is dead.

What it finds
    Where nothing but events was handed in, a liveness probe that nobody answered three times or more, so that the
    kubelet kills the container by default; or one that the server answered with 503, as vLLM does once its engine died.

Why it matters
    The event about the kill itself is often not copied, or was dropped.

Evidence
    The kubelet's event about the probe.

Fix
    `fix-startup-probe`: a startup probe that covers the whole start. By hand for an engine that died: its own log.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.probes import answered_status, failures
from vops.diagnosis.states import refuses_in_vain
from vops.model.resources import Event

_UNAVAILABLE = 503


@rule(cause="startup-probe-kill", branch=Branch.SERVE, order=21)
def liveness_refused(replica: Replica) -> Verdict | None:
    event = _failing(replica)
    if event is None or answered_status(event) == _UNAVAILABLE:
        return None
    return Verdict(
        summary=f"Nothing answers the liveness probe of {replica.name}: the kubelet kills it before it has loaded",
        evidence=(evidence.event(event),),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.by_steps(
                replica,
                "Give the start a startupProbe of its own",
                (
                    "Add startupProbe: httpGet /health on the server's port, periodSeconds 10, failureThreshold 60 or "
                    "more: liveness is not asked before it has succeeded.",
                    "See in the log (--previous) whether it was still loading, and on which port it listens.",
                ),
            ),
        ),
    )


@rule(cause="engine-dead", branch=Branch.SERVE, order=21)
def liveness_unavailable(replica: Replica) -> Verdict | None:
    event = _failing(replica)
    if event is None or answered_status(event) != _UNAVAILABLE:
        return None
    return Verdict(
        summary=f"{replica.name} answers /health with 503, as vLLM does once its engine has died",
        evidence=(evidence.event(event),),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.advice(
                "See what the engine died of, and restart it",
                "kubectl logs --previous: the first error before EngineDeadError.",
                "A liveness probe on /health restarts the container by itself.",
            ),
        ),
    )


def _failing(replica: Replica) -> Event | None:
    event = None if replica.observed else failures(replica, "Liveness")
    return event if event is not None and refuses_in_vain(event) else None
