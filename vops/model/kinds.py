"""Every kind of object that vops knows: those that are always looked at, and those around them."""

from __future__ import annotations

from typing import TypeAlias, get_args

from vops.model.disruption import DISRUPTION_BUDGETS, PodDisruptionBudget
from vops.model.gitops import APPLICATIONS
from vops.model.leases import LEASES
from vops.model.monitoring import (
    POD_MONITORS,
    PROMETHEUSES,
    SERVICE_MONITORS,
    PodMonitor,
    PrometheusServer,
    ServiceMonitor,
)
from vops.model.network import ENDPOINT_SLICES, NETWORK_POLICIES, SERVICES, EndpointSlice, NetworkPolicy, Service
from vops.model.objects import Kind
from vops.model.provisioning import (
    CONFIG_MAPS,
    NODE_CLAIMS,
    NODE_POOLS,
    QUOTAS,
    RESOURCE_CLAIMS,
    ConfigMap,
    NodeClaim,
    NodePool,
    ResourceClaim,
    ResourceQuota,
)
from vops.model.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICE_ACCOUNTS,
    STATEFULSETS,
)
from vops.model.scaling import AUTOSCALERS, SCALED_OBJECTS, HorizontalPodAutoscaler, ScaledObject
from vops.model.storage import CLAIMS, STORAGE_CLASSES, VOLUMES, PersistentVolume, PersistentVolumeClaim, StorageClass

Related: TypeAlias = (
    PersistentVolumeClaim
    | PersistentVolume
    | StorageClass
    | Service
    | EndpointSlice
    | NetworkPolicy
    | PodDisruptionBudget
    | HorizontalPodAutoscaler
    | ScaledObject
    | NodePool
    | NodeClaim
    | ConfigMap
    | ResourceQuota
    | ResourceClaim
    | ServiceMonitor
    | PodMonitor
    | PrometheusServer
)
"""What is around pods, nodes and workloads: read when a diagnosis asks for it."""

RELATED_TYPES: tuple[type[Related], ...] = get_args(Related)

RELATED: tuple[Kind, ...] = (
    CLAIMS,
    VOLUMES,
    STORAGE_CLASSES,
    SERVICES,
    ENDPOINT_SLICES,
    NETWORK_POLICIES,
    DISRUPTION_BUDGETS,
    AUTOSCALERS,
    SCALED_OBJECTS,
    NODE_POOLS,
    NODE_CLAIMS,
    CONFIG_MAPS,
    QUOTAS,
    RESOURCE_CLAIMS,
    SERVICE_MONITORS,
    POD_MONITORS,
    PROMETHEUSES,
)

OPERATED: tuple[Kind, ...] = (
    Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
    Kind("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices"),
    Kind("serving.kserve.io/v1alpha1", "ServingRuntime", "servingruntimes"),
    Kind("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "leaderworkersets"),
)
"""What operators make of their own: applied and waited for, never read for a diagnosis."""

KINDS: tuple[Kind, ...] = (
    PODS,
    NODES,
    EVENTS,
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    DAEMONSETS,
    NAMESPACES,
    LEASES,
    JOBS,
    SERVICE_ACCOUNTS,
    APPLICATIONS,
    *RELATED,
    *OPERATED,
)
