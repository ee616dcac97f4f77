"""What real starts took, kept for the next prediction: one small file a model, card, version and set of flags.

Lives in `<state>/sizing/`. A file that cannot be read is as good as none: a measurement improves a prediction and
is never required.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from vops.diagnosis.logs.reading import LogReading
from vops.errors import InputError
from vops.model.text import scrub
from vops.sizing.capacity import Measured, Sizing


def measurement_key(name: str, sizing: Sizing) -> str:
    """The same for starts that measure the same: everything that decides memory, with defaults filled in."""
    settings = sizing.settings
    decisive = (
        name,
        sizing.card.name,
        sizing.asked.version,
        settings.parallelism,
        settings.max_model_len,
        settings.gpu_memory_utilization,
        settings.kv_cache_dtype,
        settings.max_num_seqs,
        settings.max_num_batched_tokens,
        settings.block_size,
        settings.eager,
        settings.prefix_caching,
        sizing.asked.dtype,
        sizing.asked.quantization,
        sizing.asked.lora_rank,
        sizing.asked.lora_slots,
        sizing.asked.speculation.method,
        sizing.asked.speculation.tokens,
        sizing.asked.cpu_offload_gib,
        sizing.asked.hybrid_manager,
    )
    return hashlib.sha256(msgspec.json.encode(decisive)).hexdigest()[:24]


def recall(state: Path, key: str) -> Measured | None:
    """What was measured before; None when nothing was, or nothing that can be read."""
    try:
        return msgspec.json.decode(_path(state, key).read_bytes(), type=Measured)
    except (OSError, ValueError):
        return None


def record(state: Path, key: str, measured: Measured) -> Path:
    """Keeps a measurement, replacing an older one. Raises InputError when the folder cannot be written."""
    path = _path(state, key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(measured))
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", path=str(path), hint="set state_dir to a folder of yours"
        ) from error
    return path


def measured_by(reading: LogReading, at: str) -> Measured:
    """What a start's log tells. Raises InputError for a log that has none of it."""
    found = Measured(
        weights_gib=reading.weights_gib, kv_available_gib=reading.kv_available_gib, kv_tokens=reading.kv_tokens, at=at
    )
    if not found:
        raise InputError(
            "has no `Model loading took` or `Available KV cache memory`",
            path=scrub(reading.model) or "log",
            hint="give the whole log of a start that got as far as its KV cache",
        )
    return found


def _path(state: Path, key: str) -> Path:
    return state / "sizing" / f"{key}.json"
