"""A container around the server fails: an init container, so that the server is never started, or a sidecar.

What it finds
    An init container or a sidecar that ends unsuccessfully, for a reason that no other rule knows; and a sidecar that
    runs and does not become ready beside a server that is.

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
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.logs.components import Component
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.containers import Role, role
from vops.diagnosis.states import is_starting
from vops.model.resources import Event
from vops.model.snapshot import Source
from vops.model.text import one_line

_LONGEST = 160
_FETCHES = "storage.py:"
"""The file of KServe's initializer that fetches a model, in the calls of a traceback."""


@rule(cause="init-container-failed", branch=Branch.DIED, order=95, last_resort=True)
def init_container_failed(replica: Replica) -> Verdict | None:
    if role(replica) is not Role.INIT:
        return None
    return _verdict(replica, f"{replica.name} is never started: its init container {replica.container.name} fails")


@rule(cause="init-container-failed", branch=Branch.DIED, needs={Source.LOGS}, order=95, last_resort=True)
def storage_initializer_failed(replica: Replica) -> Verdict | None:
    log = replica.death_log
    if log is None or log.component is not Component.STORAGE_INITIALIZER or role(replica) is Role.INIT:
        return None
    if log.root is None or not any(_FETCHES in frame for frame in log.root.frames):
        return None
    said, shown = _last_words(replica)
    return Verdict(
        summary=f"KServe's init container fails as it fetches the model: {said}",
        evidence=shown,
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Let the init container fetch the model",
                "See that it has what its storage asks for, in its own environment: the secret with endpoint, region "
                "and keys is bound to the service account that the InferenceService names (serviceAccountName).",
                "kubectl -n NAMESPACE logs POD -c storage-initializer --previous",
            ),
        ),
    )


@rule(cause="sidecar-failed", branch=Branch.DIED, order=95, last_resort=True)
def sidecar_failed(replica: Replica) -> Verdict | None:
    if role(replica) is not Role.SIDECAR:
        return None
    return _verdict(
        replica, f"The sidecar {replica.container.name} of {replica.name} fails, and keeps the pod from Ready"
    )


@rule(cause="sidecar-failed", branch=Branch.SERVE, order=60)
def sidecar_not_ready(replica: Replica) -> Verdict | None:
    if replica.status is None or not replica.status.ready:
        return None
    at = replica.facts.snapshot.at
    others = (item for item in replica.pod.status.container_statuses if item.name != replica.container.name)
    late = next((item for item in others if item.state.running and not item.ready and not is_starting(item, at)), None)
    if late is None:
        return None
    where = f"status.containerStatuses[{late.name}].ready"
    about = [item for item in replica.events if item.reason == "Unhealthy" and f"{{{late.name}}}" in _path(item)]
    return Verdict(
        summary=f"{replica.name} serves, but its sidecar {late.name} is not ready and keeps it out of its Service",
        evidence=(
            evidence.pod_field(where, "false", expected="true"),
            evidence.status_field(replica, "ready", "true"),
            *(evidence.event(item) for item in about[-1:]),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                f"See why {late.name} is not ready",
                f"kubectl -n {replica.namespace} logs {replica.name} -c {late.name}",
                f"Correct container {late.name} or its readiness probe; the server itself is not at fault.",
            ),
        ),
    )


def _path(event: Event) -> str:
    return event.involved_object.field_path


def _verdict(replica: Replica, summary: str) -> Verdict | None:
    death = replica.last_death
    if death is None or death.exit_code == 0:
        return None
    said, shown = _last_words(replica)
    why = f": {said or f'exit code {death.exit_code}'}"
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
