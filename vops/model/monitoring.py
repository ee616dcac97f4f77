"""What a Prometheus operator is told to run and scrape, as vops reads it: which labels survive, of which targets."""

from __future__ import annotations

from typing import Any

from msgspec import field

from vops.model.objects import Kind, Object, Resource
from vops.model.resources import LabelSelector


class ScrapeEndpoint(Object, frozen=True):
    """With `honor_labels` a target's own labels win; else `pod` and `namespace` of a series become `exported_pod` …"""

    port: str = ""
    path: str = ""
    interval: str = ""
    honor_labels: bool = False
    relabelings: tuple[dict[str, Any], ...] = ()
    metric_relabelings: tuple[dict[str, Any], ...] = ()


class NamespaceSelector(Object, frozen=True):
    """The monitor's own namespace unless told."""

    any: bool = False
    match_names: tuple[str, ...] = ()


class ServiceMonitorSpec(Object, frozen=True):
    selector: LabelSelector = field(default_factory=LabelSelector)
    namespace_selector: NamespaceSelector = field(default_factory=NamespaceSelector)
    endpoints: tuple[ScrapeEndpoint, ...] = ()


class ServiceMonitor(Resource, frozen=True, tag_field="kind", tag="ServiceMonitor"):
    spec: ServiceMonitorSpec = field(default_factory=ServiceMonitorSpec)


class PodMonitorSpec(Object, frozen=True):
    selector: LabelSelector = field(default_factory=LabelSelector)
    namespace_selector: NamespaceSelector = field(default_factory=NamespaceSelector)
    pod_metrics_endpoints: tuple[ScrapeEndpoint, ...] = ()


class PodMonitor(Resource, frozen=True, tag_field="kind", tag="PodMonitor"):
    spec: PodMonitorSpec = field(default_factory=PodMonitorSpec)


class PrometheusSpec(Object, frozen=True):
    """`override_honor_labels` turns `honorLabels` off in every monitor, whatever that says."""

    override_honor_labels: bool = False


class PrometheusServer(Resource, frozen=True, tag_field="kind", tag="Prometheus"):
    """The object that an operator runs a Prometheus for."""

    spec: PrometheusSpec = field(default_factory=PrometheusSpec)


SERVICE_MONITORS = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", decodes_to=ServiceMonitor)
POD_MONITORS = Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors", decodes_to=PodMonitor)
PROMETHEUSES = Kind("monitoring.coreos.com/v1", "Prometheus", "prometheuses", decodes_to=PrometheusServer)
