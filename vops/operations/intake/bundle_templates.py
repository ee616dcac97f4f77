"""The manifest that a pod was made from, where a bundle has it beside a log or events and no pod that was observed.

What somebody pastes is often the Deployment (or the Pod) that they applied, and the events or the log of what became
of it. The pod that stands for those then has the containers, volumes and labels of the manifest, as it would in the
cluster. Where two manifests could be meant, neither is taken.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vops.diagnosis.facts import STAND_IN
from vops.diagnosis.logs.reader import read_log
from vops.model.objects import Meta, OwnerReference
from vops.model.pods import Container, Pod, PodSpec, Probe
from vops.model.resources import Workload
from vops.operations.intake.bundle_pods import main_container

_MAKE_PODS = ("Deployment", "StatefulSet", "DaemonSet")


class Template(msgspec.Struct, frozen=True):
    """What pods are made from: their metadata as far as it is known, and their spec."""

    meta: Meta
    spec: PodSpec


def only_template(pods: Iterable[Pod], workloads: Iterable[Workload]) -> Template | None:
    """The template of the only pod or workload that was handed in as somebody applied it; None where there are more."""
    found = [_of_a_pod(pod) for pod in pods]
    found += [_of_a_workload(item) for item in workloads if item.kind in _MAKE_PODS and item.spec.template.spec]
    found = [item for item in found if STAND_IN not in item.meta.annotations] or found
    return found[0] if len(found) == 1 and found[0].spec.containers else None


def is_unborn(pod: Pod) -> bool:
    """Whether a pod has no status of any kind: a manifest, which no cluster has seen, though it may name its node."""
    status = pod.status
    placed = bool(pod.spec.node_name) and bool(pod.metadata.uid or pod.metadata.creation_timestamp)
    return not (status.phase or status.conditions or status.container_statuses or status.reason or placed)


def runs_whole(workload: Workload) -> bool:
    """Whether all replicas of a workload are available, as it says itself."""
    wanted = workload.spec.replicas if workload.spec.replicas is not None else 1
    return workload.status.available_replicas >= max(wanted, 1)


def made_from(template: Template | None, pod: Pod, log: str = "") -> Pod:
    """A stand-in with what its template has; its own container is that of the same name, else the main one.

    By its log a server may be up and not be found ready: where the template's probe asks another port.
    """
    if template is None:
        return pod
    own = pod.spec.containers[0].name
    shaped = msgspec.structs.replace(template.spec, node_name=pod.spec.node_name)
    name = own if any(item.name == own for item in shaped.containers) else main_container(Pod(spec=shaped))
    shaped = msgspec.structs.replace(
        shaped,
        containers=tuple(
            _probed(item, pod.spec.containers[0]) if item.name == name else item for item in shaped.containers
        ),
    )
    missed = bool(log) and any(item.name == name and _misses(item, log) for item in shaped.containers)
    statuses = (
        msgspec.structs.replace(item, name=name, ready=item.ready and not missed)
        for item in pod.status.container_statuses
    )
    return Pod(
        metadata=_named(template.meta, pod.metadata),
        spec=shaped,
        status=msgspec.structs.replace(pod.status, container_statuses=tuple(statuses)),
    )


def _probed(container: Container, told: Container) -> Container:
    """A container with the probes that its events tell of, where what was copied of its manifest leaves them out."""
    kinds = ("startup_probe", "liveness_probe", "readiness_probe")
    known = {kind: getattr(container, kind) for kind in kinds}
    if any(known.values()):
        return container
    return msgspec.structs.replace(container, **{kind: getattr(told, kind) for kind in kinds})


def _misses(container: Container, log: str) -> bool:
    """Whether the readiness probe asks another port than the one that the log says is listened on."""
    probe = container.readiness_probe
    asked = _port(container, probe) if probe is not None else None
    return asked is not None and read_log(log).listening_port not in (None, asked)


def _port(container: Container, probe: Probe) -> int | None:
    asked = probe.http_get.port if probe.http_get is not None else (probe.tcp_socket or {}).get("port")
    named = {item.name: item.container_port for item in container.ports}
    return asked if isinstance(asked, int) else named.get(str(asked))


def _named(meta: Meta, own: Meta) -> Meta:
    return msgspec.structs.replace(
        own,
        namespace=own.namespace or meta.namespace,
        labels={**meta.labels, **own.labels},
        annotations={**meta.annotations, **own.annotations},
        owner_references=meta.owner_references,
    )


def _of_a_pod(pod: Pod) -> Template:
    return Template(pod.metadata, pod.spec)


def _of_a_workload(workload: Workload) -> Template:
    meta, template = workload.metadata, workload.spec.template
    owner = OwnerReference(kind=workload.kind, name=meta.name, uid=meta.uid, controller=True)
    named = msgspec.structs.replace(template.metadata, namespace=meta.namespace, owner_references=(owner,))
    return Template(named, template.spec)
