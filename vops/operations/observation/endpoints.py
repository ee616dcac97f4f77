"""Which pods can be scraped, at which port, and for what."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from vops.model.dcgm import dcgm_port
from vops.model.pods import Pod
from vops.model.serving import EngineArgs, vllm_container

PodKey = tuple[str, str]


class EndpointKind(StrEnum):
    ENGINE = "engine"
    GPUS = "gpus"


class Endpoint(msgspec.Struct, frozen=True):
    """A running container with a `/metrics`; `incarnation` changes with every restart of it."""

    kind: EndpointKind
    namespace: str
    pod: str
    port: int
    node: str = ""
    ready: bool = False
    incarnation: str = ""

    @property
    def key(self) -> PodKey:
        return self.namespace, self.pod


def endpoint_of(pod: Pod) -> Endpoint | None:
    """Where a pod is to be scraped; None for what is no vLLM server or DCGM exporter, or does not run now."""
    container = vllm_container(pod)
    if container is not None:
        args = EngineArgs.of(container)
        return None if args.headless else _endpoint(pod, EndpointKind.ENGINE, container.name, args.port)
    port = dcgm_port(pod)
    return None if port is None else _endpoint(pod, EndpointKind.GPUS, "", port)


def _endpoint(pod: Pod, kind: EndpointKind, container: str, port: int) -> Endpoint | None:
    """By the status of `container`, or of the pod's first one when no container is named."""
    statuses = [status for status in pod.status.container_statuses if container in ("", status.name)]
    if not statuses or statuses[0].state.running is None:
        return None
    meta = pod.metadata
    incarnation = f"{meta.uid}/{statuses[0].restart_count}"
    return Endpoint(kind, meta.namespace, meta.name, port, pod.spec.node_name, statuses[0].ready, incarnation)
