"""Which layers a quantized checkpoint leaves in the model's dtype, by the patterns that its configuration gives.

`re:` before a regular expression (compressed-tensors), `*` in a wildcard (modelopt), otherwise whole parts of a
module's path. Sources: vLLM's compressed_tensors/utils.py `should_ignore_layer`, quant_utils.py `is_layer_skipped` and
modelopt.py `is_layer_excluded`.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache

_PREFIXES = ("model.layers", "model.language_model.layers", "language_model.model.layers", "backbone.layers")


@lru_cache(maxsize=65_536)
def left_alone(patterns: tuple[str, ...], modules: tuple[str, ...], layer: int) -> bool:
    """Whether one of `patterns` names the module of decoder layer `layer` that goes by one of the names `modules`."""
    whole, compiled = _read(patterns)
    paths = [f"{prefix}.{layer}.{module}" for prefix in _PREFIXES for module in modules]
    if any(pattern.match(path) for pattern in compiled for path in paths):
        return True
    return bool(whole) and any(not whole.isdisjoint(_parts(path)) for path in paths)


@lru_cache(maxsize=64)
def _read(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """The plain names, and the others compiled; one that is no regular expression matches nothing, as in vLLM."""
    plain = frozenset(pattern for pattern in patterns if not pattern.startswith("re:") and "*" not in pattern)
    sources = [pattern[3:] if pattern.startswith("re:") else translate(pattern) for pattern in patterns]
    compiled = [_compiled(source) for source, pattern in zip(sources, patterns, strict=True) if pattern not in plain]
    return plain, tuple(pattern for pattern in compiled if pattern is not None)


def _compiled(source: str) -> re.Pattern[str] | None:
    try:
        return re.compile(source)
    except re.error:
        return None


def _parts(path: str) -> list[str]:
    """`mlp.gate` of `layers.0.mlp.gate`: every run of whole parts."""
    parts = path.split(".")
    return [".".join(parts[start:end]) for start in range(len(parts)) for end in range(start + 1, len(parts) + 1)]
