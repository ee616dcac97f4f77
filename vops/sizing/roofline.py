"""The fastest that a card can serve the model: bounds from memory bandwidth and arithmetic, never promises.

A decode step reads the weights that its tokens touch and each sequence's KV cache; a prefill multiplies every
parameter that a token passes through twice. Communication and overheads are left out, so real servers stay below.
"""

from __future__ import annotations

import msgspec

from vops.sizing.capacity import Sizing
from vops.sizing.weights import active_parameters

FP8_GAIN = 2.0


class Roofline(msgspec.Struct, frozen=True):
    """Upper bounds in tokens/s of one replica; `bound_by` says what limits decode at full concurrency."""

    single_decode: float
    full_decode: float
    sequences: int
    prefill: float
    bound_by: str


def roofline(sizing: Sizing) -> Roofline:
    """At half of the longest context, which is where sequences are on average."""
    sequences = max(1, sizing.sequences)
    step = _step_s(sizing, sequences)
    flops = _flops(sizing)
    compute = 2 * active_parameters(sizing.model) * sequences / flops
    return Roofline(
        single_decode=1 / _step_s(sizing, 1),
        full_decode=sequences / step,
        sequences=sequences,
        prefill=flops / (2 * active_parameters(sizing.model)),
        bound_by="compute" if compute >= step else "memory bandwidth",
    )


def _flops(sizing: Sizing) -> float:
    scheme = sizing.model.quantization
    name = sizing.asked.quantization or scheme.name
    gain = FP8_GAIN if sizing.card.fp8 and name and (scheme.bits == 8 or "8" in name) else 1.0
    ranks = sizing.settings.parallelism.tensor * sizing.settings.parallelism.pipeline
    return sizing.card.tflops * 1e12 * gain * ranks


def _step_s(sizing: Sizing, sequences: int) -> float:
    ranks = sizing.settings.parallelism.tensor * sizing.settings.parallelism.pipeline
    context = max(1, sizing.settings.max_model_len // 2)
    cache = sequences * sizing.cache.request_bytes(context, sizing.settings.max_num_batched_tokens)
    read = (_touched_bytes(sizing, sequences) / ranks + cache) / (sizing.card.bandwidth_gbs * 1e9)
    compute = 2 * active_parameters(sizing.model) * sequences / _flops(sizing)
    return max(read, compute, 1e-9)


def _touched_bytes(sizing: Sizing, sequences: int) -> float:
    """Of a mixture, the share of experts that `sequences` tokens choose when they choose evenly."""
    total = sizing.weights.total_bytes
    experts = sizing.model.experts
    if experts is None:
        return total
    everything, active = sizing.weights.elements, active_parameters(sizing.model)
    missed = (1 - experts.active / experts.count) ** sequences
    routed = (everything - active) / (1 - experts.active / experts.count) if experts.count > experts.active else 0
    return total * (1 - routed * missed / everything)
