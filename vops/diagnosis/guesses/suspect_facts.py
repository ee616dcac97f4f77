"""Facts of a pod that make one cause of an unrecognised failure likelier than another."""

from __future__ import annotations

from vops.diagnosis.facts import Replica
from vops.diagnosis.memory import host_memory
from vops.diagnosis.placement.filters.rooms import capacity

_SIZES = ("tensor_parallel_size", "pipeline_parallel_size")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")
_SHM = "/dev/shm"  # noqa: S108 the path in the container, where NCCL and torch share memory


def several_gpus(replica: Replica) -> bool:
    """Whether it runs on more than one GPU, by its arguments, requests or log."""
    log = replica.death_log
    told = [log.arguments.get(name, "") for name in _SIZES] if log is not None else []
    return max(replica.args.gpus, replica.gpu_count) > 1 or any(text.isdigit() and int(text) > 1 for text in told)


def one_gpu(replica: Replica) -> bool:
    return not several_gpus(replica)


def small_shm(replica: Replica) -> bool:
    """Whether several processes share the runtime's 64 MiB of shared memory."""
    mounts = (mount.mount_path.rstrip("/") for mount in replica.container.volume_mounts)
    return replica.observed and several_gpus(replica) and _SHM not in mounts


def no_gpu(replica: Replica) -> bool:
    """Whether the pod asks for no GPU at all."""
    return replica.observed and replica.gpu_count == 0 and not replica.pod.spec.resource_claims


def no_gpu_seen(replica: Replica) -> bool:
    """Whether no node that was read has any of the GPUs that it asks for, or none was read."""
    placement = replica.placement
    return not any(capacity(fit.node, placement.gpu_resource) for fit in placement.fits)


def other_gpu_count(replica: Replica) -> bool:
    """Whether the pod has another number of GPUs than vLLM was told to use."""
    return replica.observed and 0 < replica.gpu_count != replica.args.gpus


def tight_memory(replica: Replica) -> bool:
    """Whether the memory limit is below what loading the weights needs."""
    limit, wanted = host_memory.limit_bytes(replica), host_memory.working_bytes(replica)
    return bool(limit) and wanted is not None and limit < wanted


def killed_within_limit(replica: Replica) -> bool:
    """Whether it has a memory limit, and nobody is known to have asked it to stop."""
    return _unasked(replica) and bool(host_memory.limit_bytes(replica))


def killed_without_limit(replica: Replica) -> bool:
    """Whether it has no memory limit, and nobody is known to have asked it to stop."""
    return _unasked(replica) and not host_memory.limit_bytes(replica)


def _unasked(replica: Replica) -> bool:
    log = replica.death_log
    return not host_memory.asked_to_stop(replica) and not (log is not None and log.terminated)


def probed_start(replica: Replica) -> bool:
    container = replica.container
    return container.startup_probe is not None or container.liveness_probe is not None


def probed_life(replica: Replica) -> bool:
    return replica.container.liveness_probe is not None


def probed_readiness(replica: Replica) -> bool:
    return replica.container.readiness_probe is not None or replica.container.startup_probe is not None


def local_model(replica: Replica) -> bool:
    return replica.args.model.startswith(("/", "./", "~"))


def of_hub(replica: Replica) -> bool:
    return not local_model(replica)


def no_token(replica: Replica) -> bool:
    """Whether the model comes from the hub and nothing gives the container a token."""
    container = replica.container
    named = any(item.name in _TOKENS for item in container.env)
    return replica.observed and "/" in replica.args.model and not (named or container.env_from or local_model(replica))


def claims(replica: Replica) -> bool:
    return any(volume.persistent_volume_claim is not None for volume in replica.pod.spec.volumes)
