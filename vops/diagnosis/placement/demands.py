"""What pods ask of nodes: effective resource requests, and which resource names are GPUs.

Follows the scheduler (PodRequests of k8s.io/component-helpers): the sum over containers and sidecars, at least the
largest init container; what the pod asks for as a whole counts instead of that sum; the overhead comes on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from vops.model.patterns import lazy_pattern
from vops.model.pods import Container, Pod, PodSpec
from vops.model.quantities import quantity

Amounts = Mapping[str, Decimal]
"""Quantity by resource name: bytes, cores or pieces, exactly."""

_GPU_NAMES = (
    "nvidia.com/",
    "amd.com/",
    "gpu.intel.com/",
    "habana.ai/",
    "intel.com/gpu",
    "google.com/tpu",
    "aws.amazon.com/neuron",
    "gpu.nvidia.com/",
    "tencent.com/vcuda-",
    "huawei.com/Ascend",
    "virtaitech.com/gpu",
    "metax-tech.com/gpu",
    "iluvatar.ai/gpu",
    "hygon.com/dcu",
    "volcano.sh/vgpu-number",
    "aliyun.com/gpu-count",
)
_NOT_GPUS = lazy_pattern(r"hostdev|rdma|roce|sriov|nic\b|_ib|/ib")
"""Network devices that the same vendors advertise under the same prefix."""

_OF_PODS = ("cpu", "memory", "hugepages-")
"""Resources that a pod may ask for as a whole."""


def is_gpu(resource: str) -> bool:
    """Whether a resource name stands for accelerators: `nvidia.com/gpu`, `nvidia.com/mig-1g.5gb`, `amd.com/gpu`…"""
    return resource.startswith(_GPU_NAMES) and not _NOT_GPUS.search(resource)


def amounts(declared: Mapping[str, str]) -> dict[str, Decimal]:
    """Declared quantities as numbers; one that is no quantity counts as nothing, as it can hold nothing."""
    found = {}
    for name, text in declared.items():
        try:
            found[name] = quantity(text)
        except ValueError:
            continue
    return found


def pod_requests(spec: PodSpec) -> Amounts:
    """What the scheduler reserves for a pod, by resource name."""
    if len(spec.containers) == 1 and not (spec.init_containers or spec.overhead or spec.resources.requests):
        return _requests(spec.containers[0])
    total = _of_containers(spec)
    for name, amount in amounts(spec.resources.requests).items():
        if name.startswith(_OF_PODS):
            total[name] = amount
    _add(total, amounts(spec.overhead))
    return {name: amount for name, amount in total.items() if amount > 0}


def gpu_request(pod: Pod) -> int:
    """How many GPUs (of any kind) a pod asks for."""
    if not _asks_for_devices(pod.spec):
        return 0  # found without sums: nearly all pods of a large cluster are like that
    return int(sum(amount for name, amount in pod_requests(pod.spec).items() if is_gpu(name)))


def _asks_for_devices(spec: PodSpec) -> bool:
    """Whether any name has a domain, as those of all devices do."""
    for container in (*spec.containers, *spec.init_containers):
        resources = container.resources
        for name in (*resources.limits, *resources.requests):
            if "/" in name:
                return True
    return False


def _of_containers(spec: PodSpec) -> dict[str, Decimal]:
    running: dict[str, Decimal] = {}
    peak: dict[str, Decimal] = {}
    for container in spec.init_containers:
        wanted = _requests(container)
        if container.restart_policy == "Always":
            _add(running, wanted)
            continue
        for name, amount in wanted.items():
            peak[name] = max(peak.get(name, Decimal()), amount + running.get(name, Decimal()))
    for container in spec.containers:
        _add(running, _requests(container))
    return {name: max(running.get(name, Decimal()), peak.get(name, Decimal())) for name in running.keys() | peak.keys()}


def _requests(container: Container) -> Amounts:
    resources = container.resources
    return _effective(tuple(resources.limits.items()), tuple(resources.requests.items()))


@lru_cache(maxsize=4096)
def _effective(limits: tuple[tuple[str, str], ...], requests: tuple[tuple[str, str], ...]) -> Amounts:
    """A limit without a request is a request of the same size. Shared by all pods that ask for the same."""
    return {name: amount for name, amount in amounts(dict((*limits, *requests))).items() if amount > 0}


def _add(total: dict[str, Decimal], more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal()) + amount
