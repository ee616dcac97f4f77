"""Where secrets stand in Kubernetes objects, so that none reaches a plan, a journal, a diff or a screen.

Knows values in plain sight: environment variables named like a credential, flags such as `--api-key`, and strings
with the shape of a token. A reference to a Secret is not a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from vops.model.dialects import SECRET_FLAGS

MASK = "<masked>"
_NAME = re.compile(r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|API_?KEY|ACCESS_?KEY)(?:$|_)", re.IGNORECASE)
_FLAG = re.compile(
    rf"--(?:{'|'.join(sorted(SECRET_FLAGS))}|(?:[\w-]+[-_])?(?:api[-_]key|token|secret|password))(?=$|[=\s])",
    re.IGNORECASE,
)
_FLAG_AND_VALUE = re.compile(rf"({_FLAG.pattern})(=|\s+)(?!-)(\S+)", re.IGNORECASE)
_TOKEN = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|Bearer\s+[^\s'\"]{16,})"
)


def holds_secret(value: Any) -> bool:
    """Whether a secret stands in plain sight anywhere in `value`."""
    return bool(mask(value) != value)


def secret_indices(words: Sequence[Any]) -> frozenset[int]:
    """The places of a list (such as `args`) where masking would change something."""
    masked = mask(list(words))
    return frozenset(at for at, (old, new) in enumerate(zip(words, masked, strict=True)) if old != new)


def mask(value: Any) -> Any:
    """A copy of `value` with every secret in plain sight replaced by MASK."""
    if isinstance(value, str):
        return _mask_text(value)
    if isinstance(value, dict):
        return _mask_mapping(value)
    if isinstance(value, (list, tuple)):
        return _mask_words(value)
    return value


def _mask_mapping(mapping: dict[str, Any]) -> dict[str, Any]:
    masked = {key: mask(item) for key, item in mapping.items()}
    name, given = mapping.get("name"), mapping.get("value")
    if isinstance(name, str) and isinstance(given, str) and given and _NAME.search(name):
        masked["value"] = MASK
    return masked


def _mask_words(words: Sequence[Any]) -> list[Any]:
    masked = []
    secret_next = False
    for word in words:
        text = word if isinstance(word, str) else ""
        masked.append(MASK if secret_next and not text.startswith("--") else mask(word))
        secret_next = bool(text) and _FLAG.fullmatch(text) is not None
    return masked


def _mask_text(text: str) -> str:
    """`--api-key=x` and `--api-key x` inside one string, and anything shaped like a token."""
    text = _FLAG_AND_VALUE.sub(rf"\1\2{MASK}", text) if "--" in text else text
    return _TOKEN.sub(MASK, text)
