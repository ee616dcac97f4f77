"""Bytes of weights by the name of a model, for want of its files: its size (`8B`, `8x7B`) and its precision."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)[bB](?![A-Za-z0-9])")
_PRECISIONS = (
    (re.compile(r"aqlm|bitnet|1\.58|[123][-_]?bit|[-_.]i?q[123]", re.IGNORECASE), 0.2),
    (
        re.compile(r"awq|gptq|int4|w4a16|w4a8|4[-_]?bit|nf4|fp4|bnb|bitsandbytes|gguf|[-_.]q4|gpt-oss", re.IGNORECASE),
        0.5,
    ),
    (re.compile(r"fp8|int8|w8a8|w8a16|8[-_]?bit|deepseek-(?:v3|r1)", re.IGNORECASE), 1.0),
)
"""Words that tell of a precision, the smallest first, and the bytes of a weight in it."""


def named_weights(model: str, quantization: str = "", dtype: str = "") -> int | None:
    """Bytes of weights by the size and precision in a model's name; None when it does not tell."""
    name = model.rstrip("/").rpartition("/")[2]
    sizes = [float(match[2]) * int(match[1] or 1) for match in _SIZE.finditer(name)]
    if not sizes:
        return None
    words = f"{model} {quantization}"
    unquantized = 4.0 if dtype in ("float32", "float") else 2.0
    per_weight = next((size for pattern, size in _PRECISIONS if pattern.search(words)), unquantized)
    return int(max(sizes) * 1e9 * per_weight * _mixture_share(model))


def _mixture_share(model: str) -> float:
    """Experts share attention, so `8x7B` is 47 B and not 56 B."""
    return 0.82 if re.search(r"\dx\d", model) else 1.0
