"""How much GPU memory a model's weights take, guessed from its name; where vops cannot read its files.

`Llama-3-70B-Instruct-AWQ` says 70 billion parameters of 4 bits. Only for choosing between two fixes: never evidence.
"""

from __future__ import annotations

from vops.diagnosis.facts import Replica
from vops.model.patterns import lazy_pattern

_BILLIONS = lazy_pattern(r"(?<![\w.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,2})?)b(?![a-z0-9])")
_BYTES = ((lazy_pattern(r"awq|gptq|int4|4bit|nvfp4|w4a16"), 0.6), (lazy_pattern(r"fp8|int8|8bit|w8a8"), 1.1))
_IN_16_BITS = 2.0
_MEMORY_LABEL = "nvidia.com/gpu.memory"
_FOR_WEIGHTS = 0.8


def fits(replica: Replica, gpus: int) -> bool:
    """Whether the weights fit on so many GPUs of its node, as far as the names of both tell; else False."""
    weights, each = _weights_bytes(replica), _gpu_bytes(replica)
    return weights is not None and each is not None and weights <= _FOR_WEIGHTS * each * gpus


def _weights_bytes(replica: Replica) -> float | None:
    name = f"{replica.args.model} {replica.args.quantization} ".lower().replace("/", " ").replace("-", " ")
    found = _BILLIONS.search(name)
    if found is None:
        return None
    each = next((size for pattern, size in _BYTES if pattern.search(name)), _IN_16_BITS)
    return int(found[1] or 1) * float(found[2]) * 1e9 * each


def _gpu_bytes(replica: Replica) -> float | None:
    label = replica.node.metadata.labels.get(_MEMORY_LABEL, "") if replica.node is not None else ""
    return int(label) * 2**20 if label.isascii() and label.isdigit() else None
