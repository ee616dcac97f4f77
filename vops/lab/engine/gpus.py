"""The GPUs that the lab knows: memory, speed and power, by the product name that a node's labels carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GpuKind:
    """One product. `memory_mib` is what nvidia-smi says; CUDA sees about 0.45 GiB less."""

    product: str
    memory_mib: int
    bandwidth_gb_s: float
    tflops: float
    idle_w: float
    limit_w: float
    compute: tuple[int, int]

    @property
    def memory_gib(self) -> float:
        """What CUDA sees."""
        return self.memory_mib / 1024 - 0.45

    @property
    def name(self) -> str:
        """As DCGM writes it."""
        return self.product.replace("-", " ")


_KINDS = (
    GpuKind("NVIDIA-L4", 23_034, 300, 121, 17, 72, (8, 9)),
    GpuKind("NVIDIA-A10G", 23_028, 600, 125, 22, 300, (8, 6)),
    GpuKind("NVIDIA-A100-SXM4-80GB", 81_920, 2039, 312, 62, 400, (8, 0)),
    GpuKind("NVIDIA-H100-80GB-HBM3", 81_559, 3350, 990, 70, 700, (9, 0)),
    GpuKind("Tesla-T4", 15_360, 320, 65, 12, 70, (7, 5)),
)
L4, A10G, A100, H100, T4 = _KINDS


def gpu_kind(labels: Mapping[str, str]) -> GpuKind:
    """The product that a node's labels name; an unknown one is taken for an L4 with the memory it claims."""
    product = labels.get("nvidia.com/gpu.product", "")
    for kind in _KINDS:
        if kind.product == product:
            return kind
    memory = labels.get("nvidia.com/gpu.memory", "")
    if not product or not memory.isdigit():
        return L4
    return GpuKind(product, int(memory), L4.bandwidth_gb_s, L4.tflops, L4.idle_w, L4.limit_w, L4.compute)
