"""The server is up, and a probe asks it at another port, another path or without the key.

What it finds
    The log says where the server listens, and a probe asks elsewhere; or the probe gets 401, 403, 404 or 405, speaks
    HTTPS with a server that speaks HTTP, runs a command that the image lacks, or names a port that is not there.

Why it matters
    It looks like a server that does not start, and more patience would be the wrong cure: it never succeeds. Of the
    probes only readiness keeps the pod out of its Service; startup and liveness get it killed.

Evidence
    The probe, the address in the log, the server's answers to the probe, and the kubelet's `Unhealthy` event.

Fix
    `fix-probe-target`, else by hand: point the probe at /health on the port that the server listens on; /health needs
    no API key.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.probes import Misdirection, asked_port, by_arguments, failures, misdirected, told
from vops.diagnosis.starting.startup import probe_kill
from vops.diagnosis.states import ReplicaState, answers
from vops.model.pods import Probe

_KINDS = ("startup", "liveness", "readiness")


@rule(cause="probe-misconfigured", branch=Branch.SERVE, order=10)
def probe_misconfigured(replica: Replica) -> Verdict | None:
    return _verdict(replica)


@rule(cause="probe-misconfigured", branch=Branch.DIED, order=8)
def probe_misconfigured_kills(replica: Replica) -> Verdict | None:
    kill = probe_kill(replica)
    return _verdict(replica, kinds=(kill.kind,)) if kill is not None else None


def _verdict(replica: Replica, kinds: tuple[str, ...] = _KINDS) -> Verdict | None:
    for kind in kinds:
        probe: Probe | None = getattr(replica.container, f"{kind}_probe")
        wrong = _wrong(replica, kind, probe) if probe is not None else None
        if probe is not None and wrong is not None:
            return _says(replica, kind, probe, wrong)
    return None


def _wrong(replica: Replica, kind: str, probe: Probe) -> Misdirection | None:
    """What is wrong with a probe, by the log, or by what the kubelet got from a server that is up."""
    found = misdirected(replica, probe)
    event = failures(replica, kind.capitalize())
    if found is not None:
        return found if event is not None or replica.state is not ReplicaState.READY else None
    if (by_kubelet := told(replica, kind, probe)) is not None:
        return by_kubelet
    port = asked_port(replica, probe)
    if port not in (None, replica.args.port) and event is not None and answers(replica):
        return Misdirection(f"port {port}", f"port {replica.args.port}")
    return by_arguments(replica, probe) if event is not None else None


def _says(replica: Replica, kind: str, probe: Probe, wrong: Misdirection) -> Verdict:
    event = failures(replica, kind.capitalize())
    handler, asked = _handler(probe)
    found: list[Evidence] = [evidence.container_field(replica, f"{kind}Probe.{handler}", asked, expected=wrong.there)]
    if event is not None:
        found.append(evidence.event(event))
    if wrong.line:
        found.append(evidence.log_line(wrong.line, f"the server is up: {wrong.there}"))
    reading = replica.log or replica.death_log
    port = reading.listening_port if reading is not None else None
    return Verdict(
        summary=f"The {kind} probe of {replica.name} asks {wrong.asks}, but the server has {wrong.there}",
        evidence=tuple(found),
        confidence=Confidence.CERTAIN if event is not None and reading is not None else Confidence.STRONG,
        fixes=(_fix(replica, kind, wrong, port or replica.args.port),),
    )


def _fix(replica: Replica, kind: str, wrong: Misdirection, port: int) -> Fix:
    """Every probe that asks the same wrong place is pointed at the server at once."""
    probes = [name for name in _KINDS if name == kind or _is_wrong(replica, name)]
    known = next((item.name for item in replica.container.ports if item.name and item.container_port == port), port)
    return remedies.runbook(
        replica,
        "fix-probe-target",
        f"Point the {' and '.join(probes)} probe at the server",
        Applicability.SAFE,
        {"container": replica.container.name, "probes": probes, "path": "/health", "port": known},
        by_hand=(f"Set {kind}Probe to httpGet, path /health, port {port}.", *_key(wrong)),
        notes=_key(wrong),
    )


def _is_wrong(replica: Replica, kind: str) -> bool:
    probe: Probe | None = getattr(replica.container, f"{kind}_probe")
    return probe is not None and (misdirected(replica, probe) or by_arguments(replica, probe)) is not None


def _handler(probe: Probe) -> tuple[str, str]:
    """Which kind of probe it is, and what it asks."""
    if (get := probe.http_get) is not None:
        return "httpGet", f"{get.scheme} {get.host} {get.path} port {get.port}".replace("  ", " ")
    if probe.tcp_socket is not None:
        return "tcpSocket", f"port {probe.tcp_socket.get('port')}"
    if probe.grpc is not None:
        return "grpc", f"port {probe.grpc.get('port')}"
    return "exec", " ".join(map(str, (probe.exec or {}).get("command", ())))


def _key(wrong: Misdirection) -> tuple[str, ...]:
    return ("/health needs no API key; /v1/* does.",) if wrong.status in (401, 403) else ()
