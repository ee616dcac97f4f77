"""`vllm.inspect`: how a workload runs vLLM, from its pod template: model, parallelism, limits, shared memory."""

from __future__ import annotations

import msgspec

from vops.diagnosis.facts import WorkloadFacts
from vops.model.objects import Meta
from vops.model.pods import Container, Pod, PodSpec
from vops.model.quantities import whole
from vops.model.serving import EngineArgs, vllm_container
from vops.runbooks.kinds import Group, Outcome, RefArg, StepFault, View

KIND = "vllm.inspect"
GROUP = Group.LOOK
_SHM = "/dev/shm"  # noqa: S108 - the shared memory of the container, not a file of vops
OUTPUTS = {
    "model": "string",
    "servedName": "string",
    "container": "string",
    "image": "string",
    "version": "string",
    "port": "int",
    "replicas": "int",
    "ready": "int",
    "tp": "int",
    "pp": "int",
    "dp": "int",
    "gpus": "int",
    "maxModelLen": "any",
    "gpuMemoryUtilization": "any",
    "shmBytes": "any",
    "memoryLimitBytes": "any",
    "nodes": "list",
}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The Deployment or StatefulSet."""


def look(args: Args, view: View) -> Outcome:
    """What its command line, environment and volumes say; null where nothing is said."""
    workload = view.facts.workload(args.ref.kind, args.ref.namespace, args.ref.name)
    if workload is None:
        raise StepFault(f"{args.ref.ref} runs no vLLM server that can be seen")
    spec = workload.workload.spec.template.spec
    container = vllm_container(Pod(metadata=Meta(), spec=spec))
    if container is None:
        raise StepFault(f"no container of {args.ref.ref} runs vLLM")
    engine = EngineArgs.of(container)
    return Outcome({**_engine(engine, container), **_surroundings(workload, spec, container)}, (_said(engine),))


def _engine(engine: EngineArgs, container: Container) -> dict[str, object]:
    return {
        "model": engine.model,
        "servedName": engine.name,
        "container": container.name,
        "image": container.image,
        "version": "" if engine.version is None else ".".join(map(str, engine.version)),
        "port": engine.port,
        "tp": engine.tensor_parallel_size or 1,
        "pp": engine.pipeline_parallel_size or 1,
        "dp": engine.data_parallel_size or 1,
        "gpus": engine.gpus,
        "maxModelLen": engine.max_model_len,
        "gpuMemoryUtilization": engine.gpu_memory_utilization,
    }


def _surroundings(workload: WorkloadFacts, spec: PodSpec, container: Container) -> dict[str, object]:
    limit = container.resources.limits.get("memory")
    return {
        "replicas": workload.desired,
        "ready": workload.ready,
        "shmBytes": _shared_memory(spec, container),
        "memoryLimitBytes": None if limit is None else whole(str(limit)),
        "nodes": sorted({item.pod.spec.node_name for item in workload.replicas if item.pod.spec.node_name}),
    }


def _shared_memory(spec: PodSpec, container: Container) -> int | None:
    """The size of what is mounted at /dev/shm; None when it is unlimited, 64 MiB when nothing is mounted."""
    mount = next((item for item in container.volume_mounts if item.mount_path.rstrip("/") == _SHM), None)
    volume = next((item for item in spec.volumes if mount and item.name == mount.name), None)
    if volume is None:
        return 64 * 2**20
    size = (volume.empty_dir or {}).get("sizeLimit")
    return whole(str(size)) if size else None


def _said(engine: EngineArgs) -> str:
    gpus = "1 GPU" if engine.gpus == 1 else f"{engine.gpus} GPUs"
    return f"Runs {engine.model or 'its model'} on {gpus} a replica."
