"""What can be said of a server before it runs, from the name of its model: bytes of weights, seconds to start.

Both are lower bounds, since a rule that fires on a guess must not be wrong: weights from the size in the model's name
(`8B`, `8x7B`) and the precision in name or flags, a start from reading them at 250 MB/s plus 90 s for imports, graphs
and warm-up. A model whose name tells nothing has no prediction.
"""

from __future__ import annotations

import re

from vops.manifests.servers import Server

READ_BYTES_PER_S = 250e6
FIXED_START_S = 90
ROUNDED = 0.95
"""What is sold as 7B may have 6.7."""
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


def weights_bytes(server: Server) -> int | None:
    """The least bytes that a server's weights take; None when the model's name does not tell its size."""
    args = server.args
    named = named_weights(args.model, args.quantization, args.dtype)
    return None if named is None else int(named * ROUNDED)


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


def start_seconds(server: Server) -> int | None:
    """The least seconds until a server answers /health on a cold node."""
    size = weights_bytes(server)
    return None if size is None else FIXED_START_S + int(size / READ_BYTES_PER_S)


def _mixture_share(model: str) -> float:
    """Experts share attention, so `8x7B` is 47 B and not 56 B."""
    return 0.82 if re.search(r"\dx\d", model) else 1.0
