"""The port that vLLM should listen on is taken already.

What it finds
    `Address already in use` when the server binds its port, or when the workers bind the one that they meet at.

Why it matters
    In a pod of its own this means a second server in the same network: a sidecar, or hostNetwork on a shared node.

Evidence
    The error, and Pod.spec.hostNetwork.

Fix
    By hand: another --port, with the container's port, the probes and the Service to match.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_IN_USE = lazy_pattern(
    r"\[Errno 98\]|because it's already occupied|Address already in use|EADDRINUSE|Could not find open port after"
    r"|failed to listen on any local network(?!.{0,200}EADDRNOTAVAIL)",
    re.IGNORECASE,
)
_BETWEEN_WORKERS = lazy_pattern(
    r"server socket has failed|EADDRINUSE.{0,80}(?:TCPStore|tcp store)|ZMQError|DistNetworkError"
)
_PORT = lazy_pattern(
    r"port: (\d{2,5})|\('[^']{0,64}', (\d{2,5})(?:, \d{1,9}){0,2}\)"
    r"|(?:[:/]{1,3}|')[\w.*-]{0,64}:(\d{2,5})(?![\d.:])",
    re.ASCII,
)
"""A port, and not the minutes of a time: nothing of a second follows it."""


@rule(cause="port-in-use", branch=Branch.DIED, needs={Source.LOGS}, order=20, signature=_IN_USE)
def port_in_use(replica: Replica) -> Verdict | None:
    hit, log = deaths.error(replica, _IN_USE), replica.death_log
    if hit is None or log is None:
        return None
    named = _PORT.search(hit[0].message)
    internal = _BETWEEN_WORKERS.search(hit[0].text) is not None
    given = log.arguments.get("port") or (replica.args.port if not internal else None)
    port = next((text for text in named.groups() if text), None) if named is not None else given
    step = (
        "Set env VLLM_PORT and MASTER_PORT to a free range, and see that no second server runs in this pod."
        if internal
        else "Set --port, and ports, probes and Service with it; or end what listens there (a sidecar, another server)."
    )
    host = "With hostNetwork every server of a node needs a port of its own." if replica.pod.spec.host_network else ""
    return deaths.verdict(
        replica,
        hit,
        f"{f'Port {port}' if port else 'A port that vLLM asks for'} is taken when {replica.name} wants to listen on it",
        deaths.steps(replica, "Use another port", *(text for text in (step, host) if text)),
        evidence.pod_field("spec.hostNetwork", str(replica.pod.spec.host_network).lower()),
    )
