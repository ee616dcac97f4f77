"""Storage as vops reads it: claims, the volumes they are bound to, and the classes that make volumes."""

from __future__ import annotations

from typing import Any

from msgspec import field

from vops.model.objects import Condition, Kind, Object, Resource


class ClaimResources(Object, frozen=True):
    requests: dict[str, str] = field(default_factory=dict)


class ClaimSpec(Object, frozen=True):
    """`storage_class_name` is None where the cluster's default applies, and "" where no class is wanted."""

    access_modes: tuple[str, ...] = ()
    resources: ClaimResources = field(default_factory=ClaimResources)
    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str = "Filesystem"


class ClaimStatus(Object, frozen=True):
    phase: str = ""
    access_modes: tuple[str, ...] = ()
    capacity: dict[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()


class PersistentVolumeClaim(Resource, frozen=True, tag_field="kind", tag="PersistentVolumeClaim"):
    spec: ClaimSpec = field(default_factory=ClaimSpec)
    status: ClaimStatus = field(default_factory=ClaimStatus)


class VolumeSpec(Object, frozen=True):
    """`node_affinity` is `{"required": {"nodeSelectorTerms": [...]}}`, as the API gives it."""

    access_modes: tuple[str, ...] = ()
    capacity: dict[str, str] = field(default_factory=dict)
    claim_ref: dict[str, Any] = field(default_factory=dict)
    node_affinity: dict[str, Any] = field(default_factory=dict)
    storage_class_name: str = ""
    persistent_volume_reclaim_policy: str = ""


class VolumeStatus(Object, frozen=True):
    phase: str = ""
    reason: str = ""
    message: str = ""


class PersistentVolume(Resource, frozen=True, tag_field="kind", tag="PersistentVolume"):
    spec: VolumeSpec = field(default_factory=VolumeSpec)
    status: VolumeStatus = field(default_factory=VolumeStatus)


class StorageClass(Resource, frozen=True, tag_field="kind", tag="StorageClass"):
    provisioner: str = ""
    volume_binding_mode: str = "Immediate"
    allowed_topologies: tuple[dict[str, Any], ...] = ()
    reclaim_policy: str = "Delete"

    @property
    def is_default(self) -> bool:
        """Claims that name no class get this one."""
        return self.metadata.annotations.get("storageclass.kubernetes.io/is-default-class") == "true"


CLAIMS = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", decodes_to=PersistentVolumeClaim)
VOLUMES = Kind("v1", "PersistentVolume", "persistentvolumes", namespaced=False, decodes_to=PersistentVolume)
STORAGE_CLASSES = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False, decodes_to=StorageClass)
