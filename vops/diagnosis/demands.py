"""What pods ask of nodes: effective resource requests, and which resource names are GPUs.

Follows the scheduler: the sum over containers and sidecars, at least the largest init container, plus the overhead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from vops.model.quantities import quantity
from vops.model.resources import Container, Pod, PodSpec

Amounts = dict[str, Decimal]
"""Quantity by resource name: bytes, cores or pieces, exactly."""

_GPU_NAMES = ("nvidia.com/", "amd.com/", "gpu.intel.com/", "habana.ai/", "intel.com/gpu", "google.com/tpu")


def is_gpu(resource: str) -> bool:
    """Whether a resource name stands for accelerators: `nvidia.com/gpu`, `nvidia.com/mig-1g.5gb`, `amd.com/gpu`…"""
    return resource.startswith(_GPU_NAMES)


def amounts(declared: Mapping[str, str]) -> Amounts:
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
    running: Amounts = defaultdict(Decimal)
    peak: Amounts = defaultdict(Decimal)
    for container in spec.init_containers:
        wanted = _requests(container)
        if container.restart_policy == "Always":
            _add(running, wanted)
            continue
        for name, amount in wanted.items():
            peak[name] = max(peak[name], amount + running.get(name, Decimal()))
    for container in spec.containers:
        _add(running, _requests(container))
    total = {
        name: max(running.get(name, Decimal()), peak.get(name, Decimal())) for name in running.keys() | peak.keys()
    }
    overhead = amounts(spec.overhead)
    for name, amount in overhead.items():
        total[name] = total.get(name, Decimal()) + amount
    return {name: amount for name, amount in total.items() if amount > 0}


def gpu_request(pod: Pod) -> int:
    """How many GPUs (of any kind) a pod asks for."""
    return int(sum(amount for name, amount in pod_requests(pod.spec).items() if is_gpu(name)))


def _requests(container: Container) -> Amounts:
    return amounts({**container.resources.limits, **container.resources.requests})


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] += amount
