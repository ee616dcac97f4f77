"""What brings nodes and what limits them, as vops reads it: Karpenter's objects, the Cluster Autoscaler's status
ConfigMap, quotas of a namespace, and device claims."""

from __future__ import annotations

from typing import Any

from msgspec import field

from vops.model.objects import Condition, Kind, Object, Resource


class NodePool(Resource, frozen=True, tag_field="kind", tag="NodePool"):
    """Karpenter's pool; `spec` and `status` are as the API gives them (`limits`, `template.spec.requirements`…)."""

    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)


class NodeClaimStatus(Object, frozen=True):
    conditions: tuple[Condition, ...] = ()
    node_name: str = ""
    provider_id: str = field(default="", name="providerID")
    allocatable: dict[str, str] = field(default_factory=dict)


class NodeClaim(Resource, frozen=True, tag_field="kind", tag="NodeClaim"):
    """One node that Karpenter has asked a cloud for; the label `karpenter.sh/nodepool` names its pool."""

    spec: dict[str, Any] = field(default_factory=dict)
    status: NodeClaimStatus = field(default_factory=NodeClaimStatus)

    def condition(self, type_: str) -> Condition | None:
        return next((item for item in self.status.conditions if item.type == type_), None)


class ConfigMap(Resource, frozen=True, tag_field="kind", tag="ConfigMap"):
    data: dict[str, str] = field(default_factory=dict)


class QuotaStatus(Object, frozen=True):
    hard: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)


class QuotaSpec(Object, frozen=True):
    hard: dict[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    scope_selector: dict[str, Any] = field(default_factory=dict)


class ResourceQuota(Resource, frozen=True, tag_field="kind", tag="ResourceQuota"):
    spec: QuotaSpec = field(default_factory=QuotaSpec)
    status: QuotaStatus = field(default_factory=QuotaStatus)


class ResourceClaim(Resource, frozen=True, tag_field="kind", tag="ResourceClaim"):
    """A claim of dynamic resource allocation; `status.allocation` is absent until a node was found."""

    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)


NODE_POOLS = Kind("karpenter.sh/v1", "NodePool", "nodepools", namespaced=False, decodes_to=NodePool)
NODE_CLAIMS = Kind("karpenter.sh/v1", "NodeClaim", "nodeclaims", namespaced=False, decodes_to=NodeClaim)
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", decodes_to=ConfigMap)
QUOTAS = Kind("v1", "ResourceQuota", "resourcequotas", decodes_to=ResourceQuota)
RESOURCE_CLAIMS = Kind("resource.k8s.io/v1", "ResourceClaim", "resourceclaims", decodes_to=ResourceClaim)
