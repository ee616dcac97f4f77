"""The card catalogue: what a GPU offers, by the names that people, NVIDIA and node labels call it.

`memory_gib` is what CUDA reports as the total (`torch.cuda.mem_get_info`), which vLLM multiplies by its utilization:
less than the name says, and less than nvidia-smi's total by what the driver keeps. Where no report was at hand it is
the nvidia-smi total less 0.6 %, the share that the reported cards lose. Speeds are those of the data sheets, dense.
Prices are left out: they change with the provider and the day; `rank` orders cards by what they usually cost.
"""

from __future__ import annotations

import re

import msgspec

from vops.model.quantities import whole

MIB = 2**20
GIB = 2**30
CUDA_SHARE = 0.994
NOMINAL = 1.01


class Card(msgspec.Struct, frozen=True):
    """One GPU product.

    `bandwidth_gbs` in 10⁹ bytes/s, `tflops` of bf16 (fp16 where the card lacks bf16), `nvlink_gbs` both ways summed,
    0 without NVLink. `products` are values of the node label `nvidia.com/gpu.product` or GKE's
    `cloud.google.com/gke-accelerator`. `rank` grows with what an hour usually costs.
    """

    name: str
    memory_gib: float
    capability: tuple[int, int]
    bandwidth_gbs: float
    tflops: float
    nvlink_gbs: float
    rank: float
    products: tuple[str, ...] = ()
    offered: bool = True
    """Whether clouds offer it for inference; others are sized and never proposed."""

    @property
    def memory_bytes(self) -> int:
        return int(self.memory_gib * GIB)

    @property
    def bf16(self) -> bool:
        """Whether it computes in bfloat16 (Ampere and newer)."""
        return self.capability >= (8, 0)

    @property
    def fp8(self) -> bool:
        """Whether it multiplies in fp8 (Ada and newer); older ones only store it."""
        return self.capability >= (8, 9)

    @property
    def is_a100(self) -> bool:
        return self.name.startswith("A100")


CARDS: tuple[Card, ...] = (
    Card("P100", 15.90, (6, 0), 732, 18.7, 160, 0.35, ("Tesla-P100-PCIE-16GB", "nvidia-tesla-p100")),
    Card("V100-16GB", 15.77, (7, 0), 900, 125, 300, 0.6, ("Tesla-V100-SXM2-16GB", "nvidia-tesla-v100")),
    Card("V100-32GB", 31.73, (7, 0), 900, 125, 300, 0.9, ("Tesla-V100-SXM2-32GB", "Tesla-V100-PCIE-32GB")),
    Card("T4", 14.56, (7, 5), 320, 65, 0, 0.35, ("Tesla-T4", "NVIDIA-T4", "nvidia-tesla-t4")),
    Card("A2", 14.53, (8, 6), 200, 18, 0, 0.3, ("NVIDIA-A2",), offered=False),
    Card("A10", 22.06, (8, 6), 600, 125, 0, 0.75, ("NVIDIA-A10",)),
    Card("A10G", 22.06, (8, 6), 600, 70, 0, 0.8, ("NVIDIA-A10G",)),
    Card("A16", 14.53, (8, 6), 200, 18, 0, 0.35, ("NVIDIA-A16",), offered=False),
    Card("A30", 23.50, (8, 0), 933, 165, 200, 0.9, ("NVIDIA-A30",)),
    Card("A40", 44.43, (8, 6), 696, 150, 112, 1.1, ("NVIDIA-A40",)),
    Card("A6000", 47.41, (8, 6), 768, 155, 112, 1.0, ("NVIDIA-RTX-A6000",), offered=False),
    Card(
        "A100-40GB",
        39.39,
        (8, 0),
        1555,
        312,
        600,
        1.8,
        ("NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB", "A100-SXM4-40GB", "nvidia-tesla-a100"),
    ),
    Card(
        "A100-80GB",
        79.25,
        (8, 0),
        2039,
        312,
        600,
        2.4,
        ("NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe", "A100-SXM4-80GB", "nvidia-a100-80gb"),
    ),
    Card("L4", 22.05, (8, 9), 300, 121, 0, 0.7, ("NVIDIA-L4", "nvidia-l4")),
    Card("L40", 44.31, (8, 9), 864, 181, 0, 1.2, ("NVIDIA-L40",)),
    Card("L40S", 44.40, (8, 9), 864, 362, 0, 1.5, ("NVIDIA-L40S",)),
    Card("RTX-3090", 23.58, (8, 6), 936, 71, 112, 0.4, ("NVIDIA-GeForce-RTX-3090",), offered=False),
    Card("RTX-4090", 23.52, (8, 9), 1008, 165, 0, 0.5, ("NVIDIA-GeForce-RTX-4090",), offered=False),
    Card("RTX-5090", 31.36, (12, 0), 1792, 209, 0, 0.7, ("NVIDIA-GeForce-RTX-5090",), offered=False),
    Card("RTX-6000-Ada", 47.40, (8, 9), 960, 364, 0, 1.1, ("NVIDIA-RTX-6000-Ada-Generation",), offered=False),
    Card(
        "RTX-PRO-6000",
        94.97,
        (12, 0),
        1792,
        500,
        0,
        1.9,
        (
            "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition",
            "NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition",
            "nvidia-rtx-pro-6000",
        ),
    ),
    Card("H100-PCIe", 79.10, (9, 0), 2000, 756, 600, 3.0, ("NVIDIA-H100-PCIe",)),
    Card(
        "H100",
        79.18,
        (9, 0),
        3350,
        989,
        900,
        3.8,
        ("NVIDIA-H100-80GB-HBM3", "nvidia-h100-80gb", "nvidia-h100-mega-80gb"),
    ),
    Card("H100-NVL", 93.10, (9, 0), 3938, 835, 600, 3.9, ("NVIDIA-H100-NVL",)),
    Card("H20", 95.08, (9, 0), 4000, 148, 900, 3.2, ("NVIDIA-H20",)),
    Card("H200", 139.81, (9, 0), 4800, 989, 900, 4.6, ("NVIDIA-H200", "nvidia-h200-141gb")),
    Card("H200-NVL", 139.81, (9, 0), 4800, 835, 900, 4.4, ("NVIDIA-H200-NVL",)),
    Card("GH200", 94.50, (9, 0), 4000, 989, 900, 3.6, ("NVIDIA-GH200-480GB", "GH200-480GB")),
    Card("GH200-144GB", 139.80, (9, 0), 4900, 989, 900, 4.0, ("NVIDIA-GH200-144G-HBM3e",)),
    Card("B200", 178.35, (10, 0), 8000, 2250, 1800, 6.5, ("NVIDIA-B200", "nvidia-b200")),
    Card("GB200", 184.00, (10, 0), 8000, 2500, 1800, 7.0, ("NVIDIA-GB200", "nvidia-gb200")),
    Card("B300", 267.60, (10, 3), 8000, 2250, 1800, 8.5, ("NVIDIA-B300-SXM6-AC", "NVIDIA-B300")),
    Card("GB300", 276.00, (10, 3), 8000, 2500, 1800, 9.0, ("NVIDIA-GB300",)),
    Card("GB10", 121.63, (12, 1), 273, 125, 0, 0.8, ("NVIDIA-GB10",), offered=False),
)

MIG_BASES = (
    "A30",
    "A100-40GB",
    "A100-80GB",
    "H100",
    "H100-NVL",
    "H20",
    "H200",
    "GH200",
    "B200",
    "B300",
    "RTX-PRO-6000",
)
_MIG = re.compile(r"(?P<slices>[1-7])g\.(?P<gb>\d+)gb(?:\+(?:me|gfx)(?:\.all)?)?$", re.IGNORECASE)
_MIG_SLICES = {"A30": 4, "RTX-PRO-6000": 4}
_ALIASES = {
    "A100": "A100-80GB",
    "A100-80": "A100-80GB",
    "A100-40": "A100-40GB",
    "V100": "V100-16GB",
    "H100-SXM": "H100",
    "H100-80": "H100",
    "H100-80GB": "H100",
    "RTX-A6000": "A6000",
    "RTX-6000": "RTX-6000-Ada",
    "RTXPRO6000": "RTX-PRO-6000",
    "4090": "RTX-4090",
    "5090": "RTX-5090",
    "3090": "RTX-3090",
}


def find_card(name: str, memory_label: str = "") -> Card | None:
    """The card called `name`: short name, product label, or `H100-1g.10gb` for a MIG instance; None if unknown.

    `memory_label` is the node's `nvidia.com/gpu.memory` in MiB; where given, it decides the memory.
    """
    text = name.strip().removesuffix("-SHARED").replace(" ", "-").replace("_", "-")
    card = _whole_card(text) or _mig_instance(text)
    if card is None or not memory_label:
        return card
    try:
        mib = whole(memory_label)
    except ValueError:
        return card
    return msgspec.structs.replace(card, memory_gib=_cuda_gib(mib, card))


def _cuda_gib(mib: int, card: Card) -> float:
    """What CUDA will report of `mib` that nvidia-smi reports: the catalogue's own figure when they are near."""
    reported = mib / 1024 * CUDA_SHARE
    return card.memory_gib if abs(reported - card.memory_gib) < 0.03 * card.memory_gib else reported


def _whole_card(text: str) -> Card | None:
    wanted = _key(_ALIASES.get(text.upper().removeprefix("NVIDIA-"), text))
    for card in CARDS:
        if wanted in {_key(card.name), *(_key(product) for product in card.products)}:
            return card
    return None


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("nvidia-").removeprefix("tesla-"))


def _mig_instance(text: str) -> Card | None:
    """`H100-1g.10gb` and labels such as `NVIDIA-A100-SXM4-40GB-MIG-1g.5gb`.

    An instance has its profile's gigabytes less the driver's part, and its slices' share of bandwidth and compute.
    """
    match = _MIG.search(text)
    if match is None:
        return None
    base = _whole_card(re.sub(r"-?(MIG)?-?$", "", text[: match.start()], flags=re.IGNORECASE))
    if base is None or base.name not in MIG_BASES:
        return None
    slices, gb = int(match["slices"]), int(match["gb"])
    share = slices / _MIG_SLICES.get(base.name, 7)
    memory_eighths = max(1, round(gb / (base.memory_gib * NOMINAL) * 8))
    return msgspec.structs.replace(
        base,
        name=f"{base.name}-{slices}g.{gb}gb",
        memory_gib=round(base.memory_gib * memory_eighths / 8 - 0.15, 2),
        bandwidth_gbs=base.bandwidth_gbs * memory_eighths / 8,
        tflops=base.tflops * share,
        nvlink_gbs=0,
        rank=base.rank * max(share, memory_eighths / 8),
        products=(),
    )


def card_names() -> tuple[str, ...]:
    """The short names, in the catalogue's order."""
    return tuple(card.name for card in CARDS)
