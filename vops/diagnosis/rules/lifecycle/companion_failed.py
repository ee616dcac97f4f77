"""A container around the server fails: an init container, so that the server is never started, or a sidecar.

What it finds
    An init container or a sidecar that ends unsuccessfully, for a reason that no other rule knows.

Why it matters
    The server is not the fault: its log is empty, or healthy. Kubernetes shows Init:CrashLoopBackOff or 1/2 ready. A
    pod whose sidecar is not ready gets no requests.

Evidence
    How the container ended, and the error or the last line of its log.

Fix
    By hand, at that container.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.containers import Role, role
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.text import one_line

_LONGEST = 160


@rule(cause="init-container-failed", branch=Branch.DIED, order=95, last_resort=True)
def init_container_failed(replica: Replica) -> Verdict | None:
    if role(replica) is not Role.INIT:
        return None
    return _verdict(replica, f"{replica.name} is never started: its init container {replica.container.name} fails")


@rule(cause="sidecar-failed", branch=Branch.DIED, order=95, last_resort=True)
def sidecar_failed(replica: Replica) -> Verdict | None:
    if role(replica) is not Role.SIDECAR:
        return None
    return _verdict(
        replica, f"The sidecar {replica.container.name} of {replica.name} fails, and keeps the pod from Ready"
    )


def _verdict(replica: Replica, summary: str) -> Verdict | None:
    death = replica.last_death
    if death is None or death.exit_code == 0:
        return None
    said, shown = _last_words(replica)
    why = f": {said}" if said else f" with exit code {death.exit_code}"
    previous = " --previous" if replica.death_log_is_previous else ""
    return Verdict(
        summary=f"{summary}{why}",
        evidence=(
            *shown,
            *evidence.exit_status(replica),
            evidence.container_field(replica, "image", replica.container.image),
        ),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                f"See why {replica.container.name} fails",
                f"kubectl -n {replica.namespace} logs {replica.name} -c {replica.container.name}{previous}",
                f"Correct container {replica.container.name} of the workload; the server itself is not at fault.",
            ),
        ),
    )


def _last_words(replica: Replica) -> tuple[str, tuple[Evidence, ...]]:
    """The error that the container ended with, else its last line."""
    log, source = replica.death_log, replica.log_source(previous=replica.death_log_is_previous)
    if log is None or source is None:
        message = replica.last_death.message if replica.last_death is not None else ""
        return one_line(message, _LONGEST), ()
    if log.root is not None:
        return one_line(str(log.root), _LONGEST), (evidence.logged(replica, log.root),)
    lines = source.text.rstrip().splitlines()
    return one_line(lines[-1], _LONGEST), (evidence.death_line(replica, len(lines), lines[-1]),)
