"""The liveness probe kills a server that serves: it answers too late for the probe.

What it finds
    The kubelet killed the container for its liveness probe, the log shows that it served, and the engine had not died.
    Where the event of the kill is lost, timeouts of the probe and a server that was asked to stop stand for it; where
    the log is not there, a life that was longer than the probe's patience.

Why it matters
    Under load /health may take longer than timeoutSeconds (1 s by default). Each kill throws away every request in
    flight and minutes of loading, and moves the load to the others.

Evidence
    The `Killing` and `Unhealthy` events, the probe's limits, and the log that served until it was stopped.

Fix
    `fix-liveness-under-load`, else by hand: a timeout of at least 5 s, and twice what it is now; a threshold of at
    least 3.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.probes import answered, failures, misdirected
from vops.diagnosis.starting.startup import ProbeKill, had_started, lifetime_s, probe_kill
from vops.model.resources import Event

_LATE = ("context deadline exceeded", "Client.Timeout", "i/o timeout", "timed out after")
_TIMEOUT_S = 5
_THRESHOLD = 3
_SIGNALLED = (137, 143)
_ENGINE_DEAD = 503


@rule(cause="liveness-kill-under-load", branch=Branch.DIED, order=12, even_when_ready=True)
def liveness_kill_under_load(replica: Replica) -> Verdict | None:
    log, late = replica.death_log, _timed_out(replica)
    kill = probe_kill(replica) or _unseen_kill(replica, late)
    if kill is None or kill.kind != "liveness" or not had_started(replica, kill):
        return None
    if late is None and (log is None or kill.event is None or answered(replica, "Liveness", _ENGINE_DEAD)):
        return None
    if log is not None and (log.engine_died or misdirected(replica, kill.probe, log) is not None):
        return None
    probe = kill.probe
    limits = f"timeout {probe.timeout_seconds} s, period {probe.period_seconds} s, threshold {probe.failure_threshold}"
    timeout_s = max(_TIMEOUT_S, 2 * probe.timeout_seconds)
    threshold = max(_THRESHOLD, probe.failure_threshold)
    told = tuple(evidence.event(item) for item in (kill.event, late) if item is not None)
    return Verdict(
        summary=f"The liveness probe kills {replica.name} while it serves: it waits {probe.timeout_seconds} s",
        evidence=(
            *told,
            evidence.container_field(replica, "livenessProbe", limits, expected=f"timeout {timeout_s} s"),
            *(
                (evidence.death_line(replica, log.ready_line or 0, "the server had come up"),)
                if log is not None
                else ()
            ),
            *evidence.exit_status(replica),
        ),
        confidence=_confidence(log is not None, kill.event is not None, late is not None),
        fixes=(
            remedies.runbook(
                replica,
                "fix-liveness-under-load",
                "Give the liveness probe patience",
                Applicability.SAFE,
                {
                    "container": replica.container.name,
                    "timeout_seconds": timeout_s,
                    "failure_threshold": threshold,
                },
                by_hand=(
                    f"Set livenessProbe.timeoutSeconds to {timeout_s} and failureThreshold to {threshold} on container "
                    f"{replica.container.name}.",
                    "/health only asks whether the engine lives: a late answer means a busy server, not a dead one.",
                ),
            ),
        ),
    )


def _timed_out(replica: Replica) -> Event | None:
    """The event about a liveness probe that was answered too late."""
    found = failures(replica, "Liveness")
    return found if found is not None and any(text in found.message for text in _LATE) else None


def _unseen_kill(replica: Replica, late: Event | None) -> ProbeKill | None:
    """A server that was ended from outside after its liveness probe had timed out; events of kills are often lost."""
    probe, death, log = replica.container.liveness_probe, replica.last_death, replica.death_log
    if probe is None or death is None or log is None or late is None or late.times < probe.failure_threshold:
        return None
    ended = log.terminated or death.exit_code in _SIGNALLED
    return ProbeKill("liveness", probe, ran_s=lifetime_s(replica)) if ended and death.reason != "OOMKilled" else None


def _confidence(by_log: bool, by_event: bool, late: bool) -> Confidence:
    if not by_log or not (by_event or late):
        return Confidence.PROBABLE
    if by_event:
        return Confidence.CERTAIN if late else Confidence.PROBABLE
    return Confidence.STRONG
