"""Validation of what users send: metadata, pods and workloads, refused in the API server's own words.

Covers the rules that an operator meets when changing a Deployment or a pod; anything else is taken as it comes.
The simulator's own writes are not validated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from vops.lab import statuses
from vops.lab.documents import Document
from vops.lab.kinds import ResourceType
from vops.lab.pod_validation import Invalid, check_pod_update, pod_spec
from vops.lab.selectors import matches_labels
from vops.lab.statuses import Cause

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_BAD_NAME = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_BAD_KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_BAD_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_LABEL_VALUE}')"
)
_WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job")
_LONG_RUNNING = _WORKLOADS[:-1]
_NAMED_FREELY = ("Event",)


def check(kind: ResourceType, new: Document, old: Document | None) -> None:
    """Raises ApiError 422 with every cause; `old` is None for an object that is created."""
    causes = [*_metadata(kind, new["metadata"], old), *_spec(kind, new, old)]
    if causes:
        raise statuses.invalid(kind, new["metadata"].get("name", ""), causes)


def _metadata(kind: ResourceType, metadata: Document, old: Document | None) -> Iterator[Cause]:
    name = metadata.get("name", "")
    if not name:
        yield Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
    elif kind.kind not in _NAMED_FREELY and not re.fullmatch(_SUBDOMAIN, name):
        yield Invalid(name, _BAD_NAME).at("metadata.name")
    for key, value in (metadata.get("labels") or {}).items():
        if not re.fullmatch(_QUALIFIED, key.rpartition("/")[2]):
            yield Invalid(key, _BAD_KEY).at("metadata.labels")
        if not re.fullmatch(_LABEL_VALUE, value):
            yield Invalid(value, _BAD_VALUE).at("metadata.labels")


def _spec(kind: ResourceType, new: Document, old: Document | None) -> Iterator[Cause]:
    if not kind.builtin:
        return
    spec = new.get("spec", {})
    if kind.kind == "Pod":
        yield from pod_spec(spec, "spec", long_running=False)
        if old is not None:
            yield from check_pod_update(spec, old["spec"])
    elif kind.kind in _WORKLOADS:
        yield from _workload(kind, spec, old and old["spec"])


def _workload(kind: ResourceType, spec: Document, old: Document | None) -> Iterator[Cause]:
    replicas = spec.get("replicas", 0)
    if isinstance(replicas, int) and replicas < 0:
        yield Invalid(replicas, "must be greater than or equal to 0").at("spec.replicas")
    if kind.kind in _LONG_RUNNING:
        yield from _selector(spec)
    long_running = kind.kind in _LONG_RUNNING
    yield from pod_spec(spec["template"]["spec"], "spec.template.spec", long_running=long_running)
    if kind.kind == "Deployment":
        yield from _strategy(spec["strategy"])
    if old is not None and kind.kind == "Job" and spec["template"] != old["template"]:
        yield Invalid(spec["template"], "field is immutable").at("spec.template")
    if old is not None and kind.kind in _LONG_RUNNING and spec.get("selector") != old.get("selector"):
        yield Invalid(spec.get("selector"), "field is immutable").at("spec.selector")


def _selector(spec: Document) -> Iterator[Cause]:
    selector = spec.get("selector")
    labels = spec["template"].get("metadata", {}).get("labels")
    if selector is None:
        yield Cause("FieldValueRequired", "Required value", "spec.selector")
    if selector is None or not matches_labels(selector, labels or {}):
        yield Invalid(labels, "`selector` does not match template `labels`").at("spec.template.metadata.labels")


def _strategy(strategy: Document) -> Iterator[Cause]:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate" and rolling is not None:
        why = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield Cause("FieldValueForbidden", why, "spec.strategy.rollingUpdate")
    elif kind not in ("Recreate", "RollingUpdate"):
        given = msgspec.json.encode({"Type": kind, "RollingUpdate": rolling}).decode()
        why = f'Unsupported value: {given}: supported values: "Recreate", "RollingUpdate"'
        yield Cause("FieldValueNotSupported", why, "spec.strategy")
    elif kind == "RollingUpdate" and _is_zero(rolling, "maxSurge") and _is_zero(rolling, "maxUnavailable"):
        field = "spec.strategy.rollingUpdate.maxUnavailable"
        yield Invalid((rolling or {}).get("maxUnavailable"), "may not be 0 when `maxSurge` is 0").at(field)


def _is_zero(rolling: Any, name: str) -> bool:
    return (rolling or {}).get(name) in (0, "0%")
