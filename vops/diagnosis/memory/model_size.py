"""Whether a model fits on so many GPUs, by the names of both; where vops cannot read its files.

Only for choosing between two fixes: never evidence.
"""

from __future__ import annotations

from vops.diagnosis.facts import Replica
from vops.sizing.named import named_weights

_MEMORY_LABEL = "nvidia.com/gpu.memory"
_FOR_WEIGHTS = 0.8
_MOST = 16
"""GPUs of the largest machines that one server is split over."""


def fits(replica: Replica, gpus: int) -> bool:
    """Whether the weights fit on so many GPUs of its node, as far as the names of both tell; else False."""
    args = replica.args
    weights, each = named_weights(args.model, args.quantization, args.dtype), _gpu_bytes(replica)
    return weights is not None and each is not None and weights <= _FOR_WEIGHTS * each * gpus


def enough_gpus(replica: Replica, at_least: int, each_gib: float | None) -> int:
    """The smallest power of two, and `at_least` so many, whose GPUs hold the weights by the model's name.

    `each_gib` is the memory of one, where the failure tells. Where nothing tells, `at_least`.
    """
    args = replica.args
    weights = named_weights(args.model, args.quantization, args.dtype)
    each = each_gib * 2**30 if each_gib else _gpu_bytes(replica)
    if weights is None or not each:
        return at_least
    wanted = at_least
    while weights > _FOR_WEIGHTS * each * wanted and wanted < _MOST:
        wanted *= 2
    return wanted


def _gpu_bytes(replica: Replica) -> int | None:
    label = replica.node.metadata.labels.get(_MEMORY_LABEL, "") if replica.node is not None else ""
    return int(label) * 2**20 if label.isascii() and label.isdigit() else None
