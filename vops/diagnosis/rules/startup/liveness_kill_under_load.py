"""The liveness probe kills a server that serves: it answers too late for the probe.

What it finds
    The kubelet killed the container for its liveness probe, the log shows that it served, and the engine had not died.

Why it matters
    Under load /health may take longer than timeoutSeconds (1 s by default). Each kill throws away every request in
    flight and minutes of loading, and moves the load to the others.

Evidence
    The `Killing` and `Unhealthy` events, the probe's limits, and the log that served until it was stopped.

Fix
    By hand: timeoutSeconds of 5 or more, failureThreshold of 3 or more.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.probes import failures, misdirected
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.startup import probe_kill
from vops.model.snapshot import Source

_LATE = ("context deadline exceeded", "Client.Timeout", "i/o timeout")


@rule(cause="liveness-kill-under-load", branch=Branch.DIED, needs={Source.LOGS}, order=12, even_when_ready=True)
def liveness_kill_under_load(replica: Replica) -> Verdict | None:
    kill, log = probe_kill(replica), replica.death_log
    if kill is None or kill.event is None or kill.kind != "liveness" or log is None:
        return None
    if not log.ready or log.engine_died or misdirected(replica, kill.probe, log) is not None:
        return None
    late = failures(replica, "Liveness")
    timed_out = late is not None and any(text in late.message for text in _LATE)
    limits = f"timeout {kill.probe.timeout_seconds} s, threshold {kill.probe.failure_threshold}"
    return Verdict(
        summary=f"The liveness probe kills {replica.name} while it serves: it waits {kill.probe.timeout_seconds} s",
        evidence=(
            evidence.event(kill.event),
            *((evidence.event(late),) if late is not None else ()),
            evidence.container_field(replica, "livenessProbe", limits, expected="timeout 5 s, threshold 3 or more"),
            evidence.death_line(replica, log.ready_line or 0, "the server had come up"),
        ),
        confidence=Confidence.CERTAIN if timed_out else Confidence.PROBABLE,
        fixes=(
            remedies.by_steps(
                replica,
                "Give the liveness probe patience",
                ("Set livenessProbe.timeoutSeconds to 5 or more and failureThreshold to 3 or more.",),
            ),
        ),
    )
