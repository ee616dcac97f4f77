"""Ray Serve takes a replica for unhealthy, since it answers its health check too late.

What it finds
    `Didn't receive health check response for replica … after 10.0s, marking it unhealthy` in the log of Serve's
    controller.

Why it matters
    Serve stops the replica and starts another, and all requests that it serves are lost, although it only was busy.

Evidence
    The controller's line, and what the engine's statistics say of its load.

Fix
    By hand: more patience of the deployment's health check, and a batch that the engine can take.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_LATE = lazy_pattern(
    r"^Serve: .{1,400}? (?:after (?P<after>[\d.]{1,8}) ?s|times in a row), marking it unhealthy", re.ASCII
)


@rule(
    cause="liveness-kill-under-load",
    branch=Branch.DIED,
    needs={Source.LOGS},
    order=13,
    even_when_ready=True,
    signature=_LATE,
)
def serve_health_check_late(replica: Replica) -> Verdict | None:
    log, late = replica.death_log, deaths.error(replica, _LATE)
    if log is None or late is None:
        return None
    busy = log.load.told[-1:]
    waited = f" in {late[1]['after']} s" if late[1]["after"] else ""
    return Verdict(
        summary=f"Ray Serve restarts {replica.name}, which does not answer its health check{waited}"
        + (f": {busy[0].words}" if busy else ""),
        evidence=(
            *deaths.shown(replica, late),
            *(evidence.death_line(replica, item.line, item.words) for item in busy),
        ),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.by_steps(
                replica,
                "Give Serve's health check patience, and the engine less at once",
                (
                    "Set health_check_timeout_s of the deployment to three times what it is (30 s unless it is set).",
                    "Where requests wait: more replicas (max_replicas), or a lower max_ongoing_requests, so that Serve "
                    "and not the engine keeps the queue.",
                    "What is too busy for Serve is so for the kubelet: livenessProbe.timeoutSeconds of 5 or more.",
                ),
            ),
        ),
    )
