"""The resource types that the lab serves: how each is named, scoped and split into subresources.

Custom resources join at run time: by a CustomResourceDefinition, or when the simulator stores one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource type at one version.

    `status` and `scale` tell which subresources it has; `generation` whether its metadata counts spec changes;
    `builtin` whether it belongs to Kubernetes itself (typed, with strategic merge) or is a custom resource.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    status: bool = False
    scale: bool = False
    generation: bool = False
    builtin: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`deployments.apps`, as error messages name the type."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular_qualified(self) -> str:
        """`Deployment.apps`, as validation messages name the type."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


def _spec(group: str, kind: str, plural: str, short_names: tuple[str, ...], *, scale: bool = False) -> ResourceType:
    """A type of Kubernetes' own with a spec to count and a status that controllers write."""
    return ResourceType(group, "v1", kind, plural, True, short_names, True, scale, True)


BUILTIN = (
    _spec("", "Pod", "pods", ("po",)),
    ResourceType("", "v1", "Node", "nodes", False, ("no",), status=True),
    ResourceType("", "v1", "Namespace", "namespaces", False, ("ns",), status=True),
    ResourceType("", "v1", "Event", "events", True, ("ev",)),
    ResourceType("", "v1", "Service", "services", True, ("svc",), status=True),
    ResourceType("", "v1", "Endpoints", "endpoints", True, ("ep",)),
    ResourceType("", "v1", "ConfigMap", "configmaps", True, ("cm",)),
    ResourceType("", "v1", "Secret", "secrets"),
    ResourceType("", "v1", "ServiceAccount", "serviceaccounts", True, ("sa",)),
    ResourceType("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", True, ("pvc",), status=True),
    ResourceType("", "v1", "PersistentVolume", "persistentvolumes", False, ("pv",), status=True),
    ResourceType("", "v1", "ResourceQuota", "resourcequotas", True, ("quota",), status=True),
    ResourceType("", "v1", "LimitRange", "limitranges", True, ("limits",)),
    _spec("apps", "Deployment", "deployments", ("deploy",), scale=True),
    _spec("apps", "ReplicaSet", "replicasets", ("rs",), scale=True),
    _spec("apps", "StatefulSet", "statefulsets", ("sts",), scale=True),
    _spec("apps", "DaemonSet", "daemonsets", ("ds",)),
    ResourceType("apps", "v1", "ControllerRevision", "controllerrevisions"),
    _spec("batch", "Job", "jobs", ()),
    _spec("batch", "CronJob", "cronjobs", ("cj",)),
    ResourceType(
        "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("hpa",), status=True
    ),
    _spec("policy", "PodDisruptionBudget", "poddisruptionbudgets", ("pdb",)),
    ResourceType("storage.k8s.io", "v1", "StorageClass", "storageclasses", False, ("sc",)),
    ResourceType("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", True, ("netpol",), generation=True),
    ResourceType("networking.k8s.io", "v1", "Ingress", "ingresses", True, ("ing",), status=True, generation=True),
    ResourceType("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    ResourceType("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    ResourceType("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False, ("pc",)),
    ResourceType("coordination.k8s.io", "v1", "Lease", "leases"),
    ResourceType("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    ResourceType(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        False,
        ("crd", "crds"),
        status=True,
        generation=True,
    ),
)


def _plural(kind: str) -> str:
    """`scaledobjects`, `prometheuses`."""
    return f"{kind.lower()}{'es' if kind.endswith('s') else 's'}"


def types_of(definition: Mapping[str, Any]) -> list[ResourceType]:
    """The resource types that a CustomResourceDefinition has served."""
    spec = definition["spec"]
    names = spec["names"]
    return [
        ResourceType(
            spec["group"],
            version["name"],
            names["kind"],
            names["plural"],
            spec.get("scope", "Namespaced") == "Namespaced",
            tuple(names.get("shortNames", ())),
            status="status" in version.get("subresources", {}),
            scale="scale" in version.get("subresources", {}),
            generation=True,
            builtin=False,
        )
        for version in spec.get("versions", [])
        if version.get("served", True)
    ]


class Catalog:
    """The resource types served at this moment, found by kind or by plural."""

    def __init__(self) -> None:
        self._by_kind: dict[tuple[str, str], ResourceType] = {}
        self._by_plural: dict[tuple[str, str, str], ResourceType] = {}
        for kind in BUILTIN:
            self.register(kind)

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._by_kind.values())

    def register(self, kind: ResourceType) -> ResourceType:
        self._by_kind[kind.api_version, kind.kind] = kind
        self._by_plural[kind.group, kind.version, kind.plural] = kind
        return kind

    def remove(self, kind: ResourceType) -> None:
        self._by_kind.pop((kind.api_version, kind.kind), None)
        self._by_plural.pop((kind.group, kind.version, kind.plural), None)

    def serves(self, group: str, version: str) -> bool:
        """Whether there is any type of that group and version."""
        return any((kind.group, kind.version) == (group, version) for kind in self)

    def by_kind(self, api_version: str, kind: str) -> ResourceType | None:
        return self._by_kind.get((api_version, kind))

    def by_plural(self, group: str, version: str, plural: str) -> ResourceType | None:
        return self._by_plural.get((group, version, plural))

    def custom(self, api_version: str, kind: str, *, namespaced: bool) -> ResourceType:
        """The type of a custom resource, registered with the usual plural when it is new."""
        group, _, version = api_version.rpartition("/")
        known = self.by_kind(api_version, kind)
        return known or self.register(
            ResourceType(group, version, kind, _plural(kind), namespaced, status=True, generation=True, builtin=False)
        )
