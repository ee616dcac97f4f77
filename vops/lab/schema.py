"""How the parts of an object merge: which lists are keyed, and which maps and lists change only as a whole.

Taken from the `x-kubernetes-*` extensions of the API server's OpenAPI document (v1.36). Custom resources have
no such schema here: below their metadata every list is atomic and every map is not, as without a schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

Path = tuple[str, ...]
"""Field names from the root of the object; list items add nothing."""

_NAMED = ("name",)
_KEYED: dict[Path, Path] = {
    ("spec", "containers"): _NAMED,
    ("spec", "initContainers"): _NAMED,
    ("spec", "ephemeralContainers"): _NAMED,
    ("spec", "volumes"): _NAMED,
    ("spec", "imagePullSecrets"): _NAMED,
    ("spec", "schedulingGates"): _NAMED,
    ("spec", "resourceClaims"): _NAMED,
    ("spec", "hostAliases"): ("ip",),
    ("spec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("spec", "ports"): ("port", "protocol"),
    ("resources", "claims"): _NAMED,
    ("status", "conditions"): ("type",),
    ("status", "podIPs"): ("ip",),
    ("status", "addresses"): ("type",),
    ("metadata", "ownerReferences"): ("uid",),
}
for _containers in ("containers", "initContainers", "ephemeralContainers"):
    _KEYED |= {
        (_containers, "env"): _NAMED,
        (_containers, "ports"): ("containerPort", "protocol"),
        (_containers, "volumeMounts"): ("mountPath",),
        (_containers, "volumeDevices"): ("devicePath",),
    }
_SETS = {("metadata", "finalizers")}
_ATOMIC_MAPS = {
    "claimRef",
    "configMapKeyRef",
    "dataSource",
    "fieldRef",
    "involvedObject",
    "labelSelector",
    "namespaceSelector",
    "nodeSelector",
    "preference",
    "related",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "resourceFieldRef",
    "secretKeyRef",
    "selector",
    "targetRef",
}
_KEY_DEFAULTS = {"protocol": "TCP"}


@dataclass(frozen=True, slots=True)
class Schema:
    """The merge rules of one resource type."""

    builtin: bool = True

    def keys(self, path: Path) -> Path:
        """The fields that identify an item of the list at `path`; empty when the list is not keyed."""
        if self.is_free(path):
            return ()
        return _KEYED.get(path[-2:], ())

    def is_free(self, path: Path) -> bool:
        """Whether `path` is in the part of a custom resource that no type describes."""
        return not self.builtin and bool(path) and path[0] != "metadata"

    def is_set(self, path: Path) -> bool:
        return path[-2:] in _SETS

    def is_atomic(self, path: Path, value: Any) -> bool:
        """Whether the value at `path` has one owner and changes only as a whole."""
        if isinstance(value, list):
            return not self.keys(path) and not self.is_set(path)
        if isinstance(value, dict):
            return self.builtin and bool(path) and path[-1] in _ATOMIC_MAPS
        return True


def item_key(item: dict[str, Any], keys: Path) -> tuple[Any, ...]:
    """What identifies an item of a keyed list."""
    return tuple(item.get(key, _KEY_DEFAULTS.get(key)) for key in keys)


def item_element(item: dict[str, Any], keys: Path) -> str:
    """`k:{"name":"vllm"}`, as managed fields name an item of a keyed list."""
    named = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in sorted(keys)}
    return "k:" + msgspec.json.encode(named).decode()


def value_element(value: Any) -> str:
    """`v:"x"`, as managed fields name a member of a set."""
    return "v:" + msgspec.json.encode(value).decode()
