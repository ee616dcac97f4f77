"""The machine behind a node: its GPUs, its images, and what models it has on disk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from vops.lab.chance import chance
from vops.lab.documents import Document
from vops.lab.engine.gpus import GpuKind, gpu_kind
from vops.lab.registry import Registry

GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Gpu:
    """One GPU of one machine."""

    index: int
    uuid: str
    pci: str
    kind: GpuKind


class Disk:
    """Models in caches: whole ones, and the share of its files that an interrupted download has left of one.

    A cache is a path on the node, a pod's own volume, or a claim.
    """

    def __init__(self) -> None:
        self._shares: dict[tuple[str, str], float] = {}

    def share(self, cache: str, model: str) -> float:
        """How much of it is there, 0 to 1."""
        return self._shares.get((cache, model), 0.0)

    def keep(self, cache: str, model: str, share: float = 1.0) -> None:
        """Files that are complete stay."""
        self._shares[cache, model] = max(share, self.share(cache, model))


@dataclass
class Machine:
    """Mutable: images (by full name) and models arrive, GPUs and addresses are taken and given back."""

    name: str
    number: int
    gpus: tuple[Gpu, ...]
    images: set[str]
    disk: Disk = field(default_factory=Disk)
    notices_oom: bool = True
    """Whether the container runtime catches every kill for memory; containerd says itself that it may miss one."""
    taken: dict[str, tuple[Gpu, ...]] = field(default_factory=dict)
    """GPUs by the pod (namespace/name) that has them."""
    lost: dict[int, int] = field(default_factory=dict)
    """GPUs (by index) that the driver has reported a critical error of, with its Xid."""
    unhealthy: set[int] = field(default_factory=set)
    """GPUs (by index) that the device plugin has told the kubelet not to give away."""
    _addresses: int = 1

    @classmethod
    def of(cls, node: Document, number: int) -> Machine:
        """The machine that a Node object describes."""
        name = node["metadata"]["name"]
        images = {Registry.full_name(name) for image in node["status"].get("images", ()) for name in image["names"]}
        return cls(name, number, _gpus_of(node), images)

    def refit(self, node: Document) -> None:
        """Takes over how many GPUs the Node object has by now."""
        if len(self.gpus) != _gpu_count(node):
            self.gpus = _gpus_of(node)

    @property
    def host_ip(self) -> str:
        return f"10.0.{self.number // 250}.{self.number % 250 + 10}"

    def address(self) -> str:
        """A pod address that was not given out before."""
        self._addresses += 1
        return f"10.244.{self.number}.{self._addresses % 250 + 2}"

    @property
    def free(self) -> list[Gpu]:
        """The GPUs that are healthy and nobody's."""
        busy = {gpu.index for gpus in self.taken.values() for gpu in gpus} | self.unhealthy
        return [gpu for gpu in self.gpus if gpu.index not in busy]

    def take(self, pod: str, count: int) -> tuple[Gpu, ...] | None:
        """Gives `count` GPUs to a pod, or None when there are not as many free and healthy."""
        free = self.free
        if count > len(free):
            return None
        self.taken[pod] = tuple(free[:count])
        return self.taken[pod]

    def give_back(self, pod: str) -> None:
        self.taken.pop(pod, None)


def _gpu_count(node: Document) -> int:
    return int(node["status"].get("capacity", {}).get(GPU, "0"))


def _gpus_of(node: Document) -> tuple[Gpu, ...]:
    kind = gpu_kind(node["metadata"].get("labels", {}))
    dice = chance("machine", node["metadata"]["name"])
    return tuple(
        Gpu(
            index,
            f"GPU-{uuid.UUID(int=dice.getrandbits(128), version=4)}",
            f"00000000:{0x3B + index * 16:02X}:00.0",
            kind,
        )
        for index in range(_gpu_count(node))
    )
