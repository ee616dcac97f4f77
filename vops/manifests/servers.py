"""vLLM servers in manifests: wherever a pod template stands, in whatever kind, with what its command line says.

A pod template is found by its form (a mapping with a list of `containers`), so LeaderWorkerSets, KServe's runtimes
and kinds that nobody has made yet are read as Deployments are. KServe's `predictor.model` stands for a container
whose image the runtime brings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec

from vops.manifests.documents import Path
from vops.manifests.objects import Object, dig, items, mapping, mappings, strings, text, whole_number
from vops.model.commandline import command_line
from vops.model.dialects import Version, version_of
from vops.model.pods import Container, ContainerPort, EnvSource, EnvVar, HttpGet, Probe, Requirements, VolumeMount
from vops.model.serving import EngineArgs, is_vllm_server

_DEEPEST = 12
_OFFICIAL = re.compile(r"(?<!lmcache/)(?<![\w.-])vllm-openai(?![\w-])")
_PARTIAL_KINDS = frozenset({"ServingRuntime", "ClusterServingRuntime", "LLMInferenceServiceConfig"})
_SHM = "/dev/shm"  # noqa: S108 - a place for NCCL, not a temporary file
_GPU_WORDS = ("gpu", "nvidia.com/mig-", "neuron", "tpu", "gaudi", "npu", "xpu")


class PodTemplate(msgspec.Struct, frozen=True, eq=False, dict=True):
    """A pod spec inside an object; `path` leads to it from the document's root."""

    object: Object
    spec: dict[str, Any]
    path: Path
    labels: dict[str, str]

    def field(self, *below: str | int) -> Path:
        return (*self.path, *below)

    def get(self, *where: str | int) -> Any:
        return dig(self.spec, *where)

    @property
    def is_whole(self) -> bool:
        """Whether this is all of the pod's spec; KServe's runtimes and presets leave the rest to a service."""
        return "model" not in self.spec and self.object.kind not in _PARTIAL_KINDS

    @cached_property
    def volumes(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """Each volume by its name, with its index."""
        return {text(volume.get("name")): (at, volume) for at, volume in mappings(self.spec.get("volumes"))}


class Server(msgspec.Struct, frozen=True, eq=False, dict=True):
    """One container that runs vLLM. `index` counts it in its list; None for KServe's `model`."""

    pod: PodTemplate
    raw: dict[str, Any]
    container: Container
    path: Path

    @property
    def object(self) -> Object:
        return self.pod.object

    @cached_property
    def args(self) -> EngineArgs:
        return EngineArgs.of(self.container)

    @property
    def is_official(self) -> bool:
        """Whether the image is vLLM's own, or a copy of it under its name: only then is its tag a version of vLLM."""
        return _OFFICIAL.search(self.container.image) is not None

    @property
    def version(self) -> Version | None:
        return version_of(self.container.image) if self.is_official else None

    @property
    def name(self) -> str:
        return self.object.name or self.container.name

    def field(self, *below: str | int) -> Path:
        """The path of a field of the container."""
        return (*self.path, *below)

    def flag_field(self, flag: str) -> Path:
        """Where a flag stands; the list of arguments when it is not given."""
        found = self.args.location(flag)
        if found is None:
            return self.field("args" if self.container.args else "command")
        return self.field(found.field, found.indices[0])

    @property
    def gpus(self) -> int | None:
        """GPUs (or other accelerators) that the container gets; None when it asks for none, or by a claim."""
        counts = [whole_number(amount) for name, amount in self._amounts.items() if is_accelerator(name)]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    @property
    def accelerators(self) -> dict[str, str]:
        return {name: amount for name, amount in self._amounts.items() if is_accelerator(name)}

    @property
    def _amounts(self) -> dict[str, str]:
        resources = self.container.resources
        return {**resources.requests, **resources.limits}

    @property
    def variables(self) -> dict[str, EnvVar]:
        return {item.name: item for item in self.container.env}

    def variable_field(self, name: str) -> Path:
        at = next((at for at, item in mappings(self.raw.get("env")) if item.get("name") == name), None)
        return self.field("env") if at is None else self.field("env", at)

    @property
    def spans_pods(self) -> bool:
        """Whether this is one of several pods that serve together: then its own GPUs are only a part."""
        flags = ("nnodes", "node-rank", "headless", "data-parallel-address", "data-parallel-size-local")
        backend = self.args.location("distributed-executor-backend")
        return (
            any(self.args.location(flag) is not None for flag in flags)
            or (backend is not None and backend.value == "ray")
            or self.object.kind == "LeaderWorkerSet"
        )

    @property
    def shm(self) -> tuple[VolumeMount, dict[str, Any], int] | None:
        """What is mounted at /dev/shm."""
        return self.mount_at(_SHM)

    def mount_at(self, directory: str) -> tuple[VolumeMount, dict[str, Any], int] | None:
        """The mount that holds `directory`, its volume and the volume's index; the deepest one."""
        holding = [m for m in self.container.volume_mounts if _holds(m.mount_path, directory)]
        for mount in sorted(holding, key=lambda item: -len(item.mount_path)):
            if mount.name in self.pod.volumes:
                at, volume = self.pod.volumes[mount.name]
                return mount, volume, at
        return None

    def offers(self, port: int | str) -> bool:
        """Whether a port that is not vLLM's own is one that somebody else in the pod may listen at."""
        others = [item for _, item in mappings(self.pod.spec.get("containers")) if item is not self.raw]
        return bool(others) and isinstance(port, int)

    @property
    def has_known_port(self) -> bool:
        """Whether the command line, and not a script or a variable, decides the port."""
        line = self.args.line
        given = None if line is None else line.flag("port")
        return line is not None and line.flag("config") is None and (given is None or str(given.value).isdigit())

    @property
    def is_deployment(self) -> bool:
        return self.object.kind == "Deployment"


def is_accelerator(resource: str) -> bool:
    """Whether a resource name is that of a GPU or the like."""
    _domain, slash, name = resource.partition("/")
    return bool(slash) and any(word in resource.lower() for word in _GPU_WORDS) and "rdma" not in name


def pod_templates(item: Object) -> list[PodTemplate]:
    """Every pod spec inside an object, the object itself included when it is a Pod."""
    return list(_templates(item, item.value, item.path, {}, 0))


def servers_of(item: Object) -> list[Server]:
    """Every container of an object that runs vLLM; Ray's operator puts commands of its own into its pods."""
    if item.group == "ray.io":
        return []
    return [server for pod in pod_templates(item) for server in _servers(pod)]


def _templates(item: Object, value: Any, path: Path, labels: dict[str, str], depth: int) -> Iterator[PodTemplate]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for at, below in enumerate(value):
            yield from _templates(item, below, (*path, at), labels, depth + 1)
        return
    if not isinstance(value, dict) or item.kind == "CustomResourceDefinition":
        return
    if _is_pod_spec(item, value):
        yield PodTemplate(item, value, path, labels)
        return
    here = strings(dig(value, "metadata", "labels"))
    for key, below in value.items():
        if key not in ("metadata", "status"):
            yield from _templates(item, below, (*path, str(key)), here or labels, depth + 1)


def _is_pod_spec(item: Object, value: dict[str, Any]) -> bool:
    containers = [container for _, container in mappings(value.get("containers"))]
    if containers and all("name" in container or "image" in container for container in containers):
        return True
    return (
        item.group == "serving.kserve.io" and isinstance(value.get("model"), dict) and "modelFormat" in value["model"]
    )


def _servers(pod: PodTemplate) -> Iterator[Server]:
    model = pod.spec.get("model")
    if isinstance(model, dict) and "modelFormat" in model and _serves_vllm(model):
        yield Server(pod, model, container_of(model), pod.field("model"))
    for key in ("containers", "initContainers"):
        for at, raw in mappings(pod.spec.get(key)):
            container = container_of(raw)
            runs = key == "containers" or container.restart_policy == "Always"
            if runs and _is_server(container):
                yield Server(pod, raw, container, pod.field(key, at))


def _is_server(container: Container) -> bool:
    """Whether its command line is vLLM's for certain; what a script of its own runs is anybody's guess."""
    return is_vllm_server(container) and command_line(container, assume_entrypoint=True) is not None


def _serves_vllm(model: dict[str, Any]) -> bool:
    return text(dig(model, "modelFormat", "name")).lower() in ("vllm", "huggingface") and "resources" in model


def container_of(raw: dict[str, Any]) -> Container:
    """A container as vops reads it, whatever types the manifest has for its values."""
    return Container(
        name=text(raw.get("name")),
        image=text(raw.get("image")),
        command=tuple(map(text, items(raw.get("command")))),
        args=tuple(map(text, items(raw.get("args")))),
        env=tuple(_variable(item) for _, item in mappings(raw.get("env"))),
        env_from=tuple(item for _, item in mappings(raw.get("envFrom"))),
        ports=tuple(_port(item) for _, item in mappings(raw.get("ports"))),
        resources=Requirements(strings(dig(raw, "resources", "requests")), strings(dig(raw, "resources", "limits"))),
        volume_mounts=tuple(_mount(item) for _, item in mappings(raw.get("volumeMounts"))),
        startup_probe=_probe(raw.get("startupProbe")),
        liveness_probe=_probe(raw.get("livenessProbe")),
        readiness_probe=_probe(raw.get("readinessProbe")),
        restart_policy=text(raw.get("restartPolicy")),
    )


def _variable(raw: dict[str, Any]) -> EnvVar:
    source = raw.get("valueFrom")
    if not isinstance(source, dict):
        return EnvVar(text(raw.get("name")), text(raw.get("value")))
    reference = EnvSource(
        secret_key_ref=mapping(source.get("secretKeyRef")) or None,
        config_map_key_ref=mapping(source.get("configMapKeyRef")) or None,
        field_ref=mapping(source.get("fieldRef")) or None,
    )
    return EnvVar(text(raw.get("name")), "", reference)


def _port(raw: dict[str, Any]) -> ContainerPort:
    return ContainerPort(whole_number(raw.get("containerPort")) or 0, text(raw.get("name")))


def _mount(raw: dict[str, Any]) -> VolumeMount:
    return VolumeMount(
        text(raw.get("name")), text(raw.get("mountPath")), raw.get("readOnly") is True, text(raw.get("subPath"))
    )


def _probe(raw: Any) -> Probe | None:
    if not isinstance(raw, dict) or not raw:
        return None
    http = raw.get("httpGet")
    port = mapping(http).get("port", 0)
    return Probe(
        http_get=None
        if not isinstance(http, dict)
        else HttpGet(text(http.get("path")) or "/", port if isinstance(port, int) else text(port)),
        tcp_socket=mapping(raw.get("tcpSocket")) or None,
        exec=mapping(raw.get("exec")) or None,
        grpc=mapping(raw.get("grpc")) or None,
        initial_delay_seconds=whole_number(raw.get("initialDelaySeconds")) or 0,
        period_seconds=whole_number(raw.get("periodSeconds")) or 10,
        timeout_seconds=whole_number(raw.get("timeoutSeconds")) or 1,
        failure_threshold=whole_number(raw.get("failureThreshold")) or 3,
    )


def _holds(mount_path: str, directory: str) -> bool:
    root = mount_path.rstrip("/")
    return bool(root) and (directory == root or directory.startswith(root + "/"))
