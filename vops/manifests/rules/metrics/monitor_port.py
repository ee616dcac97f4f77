"""A monitor scrapes a port that its target does not have.

What it finds
    A ServiceMonitor whose port none of the selected Services has by that name, or a PodMonitor whose port none of the
    selected pods has.

Why it matters
    Prometheus drops targets without that port, without an error: no metrics, alerts that never fire, an autoscaler
    that sees 0.

Evidence
    The monitor, and the Services or pods among the manifests that it selects; where it selects none, nothing is said.

Fix
    Name the port, and use that name.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Manifests, everything
from vops.manifests.objects import Object, mappings, selects, strings, text
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, everything)
def monitor_port(manifests: Manifests) -> Iterator[Flaw]:
    for monitor in manifests.kind("ServiceMonitor"):
        yield from _flaws(monitor, "endpoints", _service_ports(manifests, monitor))
    for monitor in manifests.kind("PodMonitor"):
        yield from _flaws(monitor, "podMetricsEndpoints", _pod_ports(manifests, monitor))


def _flaws(monitor: Object, field: str, ports: list[set[str]]) -> Iterator[Flaw]:
    for at, endpoint in mappings(monitor.get("spec", field)):
        name = text(endpoint.get("port"))
        if name and ports and not any(name in known for known in ports):
            known = ", ".join(sorted(set().union(*ports) - {""})) or "none with a name"
            yield Flaw(
                monitor,
                (*monitor.path, "spec", field, at, "port"),
                f"{monitor.name} scrapes port {name!r}, which its targets do not have ({known})",
                f"name the port {name!r} there, or use a name that is there",
            )


def _service_ports(manifests: Manifests, monitor: Object) -> list[set[str]]:
    selector = strings(monitor.get("spec", "selector", "matchLabels"))
    return [
        {text(port.get("name")) for _, port in mappings(service.get("spec", "ports"))}
        for service in manifests.kind("Service")
        if _reaches(monitor, service) and selects(selector, strings(service.get("metadata", "labels")))
    ]


def _pod_ports(manifests: Manifests, monitor: Object) -> list[set[str]]:
    selector = strings(monitor.get("spec", "selector", "matchLabels"))
    return [
        {
            text(port.get("name"))
            for key in ("containers", "initContainers")
            for _, container in mappings(pod.spec.get(key))
            for _, port in mappings(container.get("ports"))
        }
        for pod in manifests.pods
        if _reaches(monitor, pod.object) and selects(selector, pod.labels)
    ]


def _reaches(monitor: Object, target: Object) -> bool:
    """Whether a monitor looks into the target's namespace."""
    chosen = monitor.get("spec", "namespaceSelector")
    if not isinstance(chosen, dict) or not chosen:
        return monitor.beside(target)
    return chosen.get("any") is True or target.namespace in (chosen.get("matchNames") or [])
