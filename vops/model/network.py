"""The way from a client to a pod as vops reads it: Services, their endpoints, and the policies between."""

from __future__ import annotations

from typing import Any

from msgspec import field

from vops.model.objects import Kind, Object, Resource
from vops.model.resources import LabelSelector

SERVICE_LABEL = "kubernetes.io/service-name"
"""What an EndpointSlice names its Service by."""


class ServicePort(Object, frozen=True):
    """`target_port` is a number or a container port's name; absent, it is `port`."""

    name: str = ""
    protocol: str = "TCP"
    port: int = 0
    target_port: int | str = 0
    app_protocol: str = ""


class ServiceSpec(Object, frozen=True):
    selector: dict[str, str] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    type: str = "ClusterIP"
    cluster_ip: str = field(default="", name="clusterIP")
    external_name: str = ""
    publish_not_ready_addresses: bool = False
    session_affinity: str = "None"


class Service(Resource, frozen=True, tag_field="kind", tag="Service"):
    spec: ServiceSpec = field(default_factory=ServiceSpec)


class EndpointConditions(Object, frozen=True):
    """An unknown (null) `ready` counts as ready, as the API defines it."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Object, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    target_ref: dict[str, Any] = field(default_factory=dict)
    node_name: str = ""

    @property
    def is_ready(self) -> bool:
        return self.conditions.ready is not False


class EndpointPort(Object, frozen=True):
    name: str = ""
    port: int | None = None
    protocol: str = "TCP"


class EndpointSlice(Resource, frozen=True, tag_field="kind", tag="EndpointSlice"):
    """Belongs to the Service that its label `kubernetes.io/service-name` names."""

    address_type: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class PolicySpec(Object, frozen=True):
    """`ingress` and `egress` are the rules as the API gives them."""

    pod_selector: LabelSelector = field(default_factory=LabelSelector)
    policy_types: tuple[str, ...] = ()
    ingress: tuple[dict[str, Any], ...] = ()
    egress: tuple[dict[str, Any], ...] = ()


class NetworkPolicy(Resource, frozen=True, tag_field="kind", tag="NetworkPolicy"):
    spec: PolicySpec = field(default_factory=PolicySpec)


SERVICES = Kind("v1", "Service", "services", decodes_to=Service)
ENDPOINT_SLICES = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", decodes_to=EndpointSlice)
NETWORK_POLICIES = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", decodes_to=NetworkPolicy)
