"""What GKE's autoscaler writes to Cloud Logging, as the events that autoscalers post of the same.

Its visibility events name each reason by a code, `scale.up.error.out.of.resources`, with parameters beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from vops.operations.printed.describe_events import Told

_FAILED = "scale.up.error."
_NONE = "no.scale.up."
_BACKOFF = "no.scale.up.in.backoff"
_DEEPEST = 12


class _Code(msgspec.Struct, frozen=True):
    """One code with its parameters."""

    name: str
    parameters: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return self.name.replace(".", " ")


def told_by_codes(document: Any) -> Iterator[Told]:
    """An event for each answer of the cloud, and one for a pod that no group was enlarged for."""
    codes = list(_codes(document, 0))
    for code in codes:
        if code.name.startswith(_FAILED):
            message = f"{code.words}: {', '.join(code.parameters)}"
            yield Told("Warning", "FailedScaleUp", message, "cluster-autoscaler", about=_pod(document))
    reasons = list(dict.fromkeys(f"1 {_reason(code)}" for code in codes if code.name.startswith(_NONE)))
    if reasons:
        message = f"pod didn't trigger scale-up: {', '.join(reasons)}"
        yield Told("Normal", "NotTriggerScaleUp", message, "cluster-autoscaler", about=_pod(document))


def _reason(code: _Code) -> str:
    """The reason as events have it: the last parameter, since a predicate's name comes before its words."""
    if code.name == _BACKOFF:
        return "in backoff after failed scale-up"
    return code.parameters[-1] if code.parameters and ".mig." in code.name else code.words.removeprefix("no scale up ")


def _codes(value: Any, depth: int) -> Iterator[_Code]:
    for item in _dicts(value, depth):
        name, parameters = item.get("messageId"), item.get("parameters")
        if isinstance(name, str):
            yield _Code(name, tuple(map(str, parameters)) if isinstance(parameters, list) else ())


def _pod(document: Any) -> dict[str, str]:
    """The pod that stands for its group, where one is named."""
    found = (item["samplePod"] for item in _dicts(document, 0) if isinstance(item.get("samplePod"), dict))
    pod: dict[str, Any] = next(found, {})
    return {"kind": "Pod", "name": str(pod.get("name", "")), "namespace": str(pod.get("namespace", ""))}


def _dicts(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from _dicts(item, depth + 1)
