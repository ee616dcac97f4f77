"""Validation of pod specs, on their own and in templates, and of what a pod may still change."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from vops.lab.documents import Document, copy_of
from vops.lab.statuses import Cause
from vops.model.quantities import quantity

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_OVERCOMMITTABLE = ("cpu", "memory", "ephemeral-storage")
_ONLY_THESE = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


@dataclass(frozen=True, slots=True)
class Invalid:
    """A value that a field may not have."""

    value: Any
    why: str

    def at(self, field: str) -> Cause:
        return Cause("FieldValueInvalid", f"Invalid value: {_quoted(self.value)}: {self.why}", field)


def _quoted(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _required(field: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def _unsupported(value: Any, supported: tuple[str, ...], field: str) -> Cause:
    listed = ", ".join(_quoted(item) for item in supported)
    message = f"Unsupported value: {_quoted(value)}: supported values: {listed}"
    return Cause("FieldValueNotSupported", message, field)


def pod_spec(spec: Document, field: str, *, long_running: bool) -> Iterator[Cause]:
    """What is wrong with a pod spec; `long_running` for templates whose pods always restart."""
    containers = spec.get("containers") or []
    if not containers:
        yield _required(f"{field}.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes", [])}
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{field}.containers[{index}]"
        yield from _container(container, volumes, at)
        if container.get("name") in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {_quoted(container['name'])}", f"{at}.name")
        seen.add(container.get("name", ""))
    policies = ("Always",) if long_running else ("Always", "OnFailure", "Never")
    if spec.get("restartPolicy") not in policies:
        yield _unsupported(spec.get("restartPolicy"), policies, f"{field}.restartPolicy")
    for index, toleration in enumerate(spec.get("tolerations", [])):
        yield from _toleration(toleration, f"{field}.tolerations[{index}]")


def _container(container: Document, volumes: set[str | None], field: str) -> Iterator[Cause]:
    for name in ("name", "image"):
        if not container.get(name):
            yield _required(f"{field}.{name}")
    yield from _one_of(container, "terminationMessagePolicy", ("File", "FallbackToLogsOnError"), field)
    for part, needed in (("ports", "containerPort"), ("env", "name")):
        for index, item in enumerate(container.get(part, [])):
            if not item.get(needed):
                yield _required(f"{field}.{part}[{index}].{needed}")
    for index, mount in enumerate(container.get("volumeMounts", [])):
        if mount.get("name") not in volumes:
            message = f"Not found: {_quoted(mount.get('name'))}"
            yield Cause("FieldValueNotFound", message, f"{field}.volumeMounts[{index}].name")
    yield from _one_of(container, "imagePullPolicy", ("Always", "IfNotPresent", "Never"), field)
    yield from _resources(container["resources"], f"{field}.resources")
    for name in _PROBES:
        if name in container:
            yield from _probe(name, container[name], f"{field}.{name}")


def _one_of(container: Document, name: str, supported: tuple[str, ...], field: str) -> Iterator[Cause]:
    if container[name] not in supported:
        yield _unsupported(container[name], supported, f"{field}.{name}")


def _resources(resources: Document, field: str) -> Iterator[Cause]:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is None:
            continue
        extended = name not in _OVERCOMMITTABLE
        if extended and quantity(str(amount)) != quantity(str(limit)):
            yield Invalid(str(amount), f"must be equal to {name} limit of {limit}").at(f"{field}.requests")
        elif quantity(str(amount)) > quantity(str(limit)):
            yield Invalid(str(amount), f"must be less than or equal to {name} limit of {limit}").at(f"{field}.requests")
    if any(name not in _OVERCOMMITTABLE and name not in limits for name in requests):
        yield _required(f"{field}.limits", "Limit must be set for non overcommitable resources")


def _probe(name: str, probe: Document, field: str) -> Iterator[Cause]:
    if not any(handler in probe for handler in _HANDLERS):
        yield _required(field, "must specify a handler type")
    handler = "httpGet" if "httpGet" in probe else "tcpSocket"
    port = probe[handler].get("port") if handler in probe else None
    if isinstance(port, int) and not 0 < port < 65536:
        yield Invalid(port, "must be between 1 and 65535, inclusive").at(f"{field}.{handler}.port")
    for number in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if probe.get(number, 0) < 0:
            yield Invalid(probe[number], "must be greater than or equal to 0").at(f"{field}.{number}")
    if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        yield Invalid(probe["successThreshold"], "must be 1").at(f"{field}.successThreshold")


def _toleration(toleration: Document, field: str) -> Iterator[Cause]:
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    if not key and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield Invalid(operator, why).at(f"{field}.operator")
    if operator == "Exists" and toleration.get("value"):
        yield Invalid(toleration["value"], "value must be empty when `operator` is 'Exists'").at(f"{field}.operator")
    effects = ("NoSchedule", "PreferNoSchedule", "NoExecute")
    if toleration.get("effect") and toleration["effect"] not in effects:
        yield _unsupported(toleration["effect"], effects, f"{field}.effect")


def check_pod_update(new: Document, old: Document) -> Iterator[Cause]:
    """What of a change to a running pod is not allowed."""
    for containers in ("containers", "initContainers"):
        if len(new.get(containers, [])) != len(old.get(containers, [])):
            why = "Forbidden: pod updates may not add or remove containers"
            yield Cause("FieldValueForbidden", why, f"spec.{containers}")
            return
    remaining = [_key(toleration) for toleration in new.get("tolerations", [])]
    if any(_key(toleration) not in remaining for toleration in old.get("tolerations", [])):
        why = "Forbidden: existing toleration can not be modified except its tolerationSeconds"
        yield Cause("FieldValueForbidden", why, "spec.tolerations")
    before, after = _fixed(old), _fixed(new)
    if before != after:
        yield Cause("FieldValueForbidden", f"{_ONLY_THESE}\n{_difference(before, after)}", "spec")


def _key(toleration: Document) -> Document:
    return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}


def _fixed(spec: Document) -> Document:
    """The part of a pod spec that never changes."""
    fixed: Document = copy_of(spec)
    for name in ("activeDeadlineSeconds", "tolerations"):
        fixed.pop(name, None)
    for container in (*fixed.get("containers", []), *fixed.get("initContainers", [])):
        container.pop("image", None)
    return fixed


def _difference(before: Document, after: Document) -> str:
    """A unified diff, as the API server appends one (of its internal types, whose names it capitalises)."""
    left, right = (_lines(document) for document in (before, after))
    return "".join(line + "\n" for line in list(difflib.unified_diff(left, right, lineterm=""))[2:])


def _lines(document: Document) -> list[str]:
    return (
        msgspec.json.format(msgspec.json.encode(_capitalised(document), order="sorted"), indent=1).decode().split("\n")
    )


def _capitalised(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _capitalised(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_capitalised(part) for part in value]
    return value
