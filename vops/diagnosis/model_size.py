"""Whether a model fits on so many GPUs, by the names of both; where vops cannot read its files.

Only for choosing between two fixes: never evidence.
"""

from __future__ import annotations

from vops.diagnosis.facts import Replica
from vops.sizing.named import named_weights

_MEMORY_LABEL = "nvidia.com/gpu.memory"
_FOR_WEIGHTS = 0.8


def fits(replica: Replica, gpus: int) -> bool:
    """Whether the weights fit on so many GPUs of its node, as far as the names of both tell; else False."""
    args = replica.args
    weights, each = named_weights(args.model, args.quantization, args.dtype), _gpu_bytes(replica)
    return weights is not None and each is not None and weights <= _FOR_WEIGHTS * each * gpus


def _gpu_bytes(replica: Replica) -> int | None:
    label = replica.node.metadata.labels.get(_MEMORY_LABEL, "") if replica.node is not None else ""
    return int(label) * 2**20 if label.isascii() and label.isdigit() else None
