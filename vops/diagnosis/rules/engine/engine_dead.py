"""The engine's process died under a running server, and the server ended with it.

What it finds
    A log that served, then the engine's unexpected end. The server then exits with code 0, so Kubernetes says
    `Completed`; requests in flight got one 500 each.

Why it matters
    A restart brings it back, and exit code 0 hides it: the reason lies in the engine's own last lines, or on the node.

Evidence
    The line where the engine ended, the exit code, and the child's exit code where vLLM prints it.

Fix
    None is automatic: where an error of the engine is in the log, that is the finding instead.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(cause="engine-dead", branch=Branch.DIED, needs={Source.LOGS}, order=40, even_when_ready=True)
def engine_dead(replica: Replica) -> Verdict | None:
    log, death = replica.death_log, replica.last_death
    if log is None or not log.ready or not log.engine_died or log.root is not None:
        return None
    code = f", exit code {log.child_exit_code}" if log.child_exit_code is not None else ""
    ended = f", and the server ended with code {death.exit_code}" if death is not None and replica.observed else ""
    return Verdict(
        summary=f"The engine of {replica.name} died while it served{code}{ended}",
        evidence=(
            evidence.death_line(replica, log.engine_died_line or 0, "the engine's process ended unexpectedly"),
            *evidence.exit_status(replica),
        ),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                "Find what killed the engine",
                "Nothing in the log says why: look for an Xid or an out-of-memory kill on the node "
                "(dmesg, DCGM_FI_DEV_XID_ERRORS, events of the node).",
                "The restart brings the replica back; if it recurs on one node only, cordon that node.",
            ),
        ),
    )
