"""The environment of a container, with Secrets and ConfigMaps looked up; kubelet's words where one is missing."""

from __future__ import annotations

import base64

from vops.lab.documents import Document
from vops.lab.store import Store


class ConfigMissing(Exception):
    """A reference that cannot be resolved; the text is what kubelet reports as CreateContainerConfigError."""


def environment_of(store: Store, pod: Document, container: Document) -> dict[str, str]:
    """Every variable with its value. Raises ConfigMissing."""
    namespace = pod["metadata"]["namespace"]
    values = service_links(store, pod)
    for source in container.get("envFrom", ()):
        values |= _all_of(store, namespace, source)
    for variable in container.get("env", ()):
        value = variable.get("value")
        if "valueFrom" in variable:
            value = _value(store, pod, variable["valueFrom"])
        if value is not None:
            values[variable["name"]] = value
    return values


def service_links(store: Store, pod: Document) -> dict[str, str]:
    """What kubelet tells a container of the Services of its namespace, in the manner of Docker's links."""
    if not pod["spec"].get("enableServiceLinks", True):
        return {}
    values: dict[str, str] = {}
    for service in store.list("v1", "Service", pod["metadata"]["namespace"]):
        address, ports = service["spec"].get("clusterIP", "None"), service["spec"].get("ports", ())
        if address in ("None", "") or not ports:
            continue
        name = service["metadata"]["name"].upper().replace("-", "_")
        first = f"tcp://{address}:{ports[0]['port']}"
        values |= {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(ports[0]["port"])}
        values |= {f"{name}_PORT": first, f"{name}_PORT_{ports[0]['port']}_TCP": first}
    return values


def _all_of(store: Store, namespace: str, source: Document) -> dict[str, str]:
    kind, reference = (
        ("Secret", source["secretRef"]) if "secretRef" in source else ("ConfigMap", source["configMapRef"])
    )
    data = _data(store, namespace, kind, reference)
    prefix = source.get("prefix", "")
    return {prefix + name: value for name, value in (data or {}).items()}


def _value(store: Store, pod: Document, source: Document) -> str | None:
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    for member, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if member in source:
            return _key(store, pod["metadata"]["namespace"], kind, source[member])
    return None


def _key(store: Store, namespace: str, kind: str, reference: Document) -> str | None:
    data = _data(store, namespace, kind, reference)
    if data is None:
        return None
    if reference["key"] not in data:
        if reference.get("optional"):
            return None
        raise ConfigMissing(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")
    return data[reference["key"]]


def _data(store: Store, namespace: str, kind: str, reference: Document) -> dict[str, str] | None:
    """The decoded data of a Secret or ConfigMap; None when it is missing and that is allowed."""
    found = store.find("v1", kind, namespace, reference["name"])
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigMissing(f'{kind.lower()} "{reference["name"]}" not found')
    plain: dict[str, str] = dict(found.get("stringData", {}))
    data = found.get("data", {})
    if kind == "Secret":
        return {name: base64.b64decode(value).decode() for name, value in data.items()} | plain
    return dict(data)


def _field(pod: Document, path: str) -> str:
    at: object = pod
    for step in path.split("."):
        at = at.get(step, "") if isinstance(at, dict) else ""
    return str(at)
