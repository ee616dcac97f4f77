"""The port that vLLM should listen on is taken already.

What it finds
    `Address already in use` when the server binds its port.

Why it matters
    In a pod of its own this means a second server in the same network: a sidecar, or hostNetwork on a shared node.

Evidence
    The error, and Pod.spec.hostNetwork.

Fix
    By hand: another --port, with the container's port, the probes and the Service to match.
"""

from __future__ import annotations

import re

from vops.diagnosis import deaths, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_IN_USE = re.compile(r"\[Errno 98\]|Address already in use", re.IGNORECASE)


@rule(cause="port-in-use", branch=Branch.DIED, needs={Source.LOGS}, order=26)
def port_in_use(replica: Replica) -> Verdict | None:
    hit, log = deaths.error(replica, _IN_USE), replica.death_log
    if hit is None or log is None:
        return None
    port = log.arguments.get("port") or replica.args.port
    return Verdict(
        summary=f"Port {port} is taken when {replica.name} wants to listen on it",
        evidence=(
            *deaths.shown(replica, hit),
            evidence.pod_field("spec.hostNetwork", str(replica.pod.spec.host_network).lower()),
        ),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.by_steps(replica, "Use another port", ("Set --port, and ports, probes and Service with it.",)),
        ),
    )
