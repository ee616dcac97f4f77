"""Keeps access tokens out of everything that is said: programs quote what they were given, and people paste it.

A token is known by how its issuer writes it, or by where it stands; what is left tells that there was one.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from vops.diagnosis.findings import Report
from vops.diagnosis.rewording import Wording
from vops.model.objects import Ref
from vops.model.patterns import lazy_pattern

_SECRET = lazy_pattern(
    r"\b(hf_|api_org_|AKIA|ghp_|gho_)[A-Za-z0-9]{10,}|\b(glpat-|nvapi-|sk-|xox[abp]-)[A-Za-z0-9_-]{16,}"
    r"|(Bearer )[^\s'\"]{6,}|(--api-key[= ])(?![\s$<])[^\s'\"]{3,}",
    re.ASCII,
)
_ALLOWED = lazy_pattern(r"[a-z0-9.-]*")
_SIGNS = ("hf_", "api_org_", "AKIA", "ghp_", "gho_", "glpat-", "nvapi-", "sk-", "xox", "Bearer ", "--api-key")


def without_secrets(text: str) -> str:
    """Text with access tokens taken out: a client may quote the one that it refuses."""
    if not any(sign in text for sign in _SIGNS):
        return text
    return _SECRET.sub(lambda match: f"{match[match.lastindex or 0]}***", text)


def discreet(report: Report) -> Report:
    """A report without tokens, even where what somebody pasted has one for a name."""
    return Wording(without_secrets, _named, _value).of(report)


def _named(ref: Ref) -> Ref:
    return msgspec.structs.replace(ref, name=_name(ref.name), namespace=_name(ref.namespace), uid=_name(ref.uid))


def _name(text: str) -> str:
    """A name as Kubernetes allows it is one, whatever it begins with."""
    return text if _ALLOWED.fullmatch(text) else without_secrets(text)


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: _value(item) for name, item in value.items()}
    return [_value(item) for item in value] if isinstance(value, list | tuple) else value
