"""Prometheus as its operator sets it up: targets from ServiceMonitors and PodMonitors, labels as it attaches them.

It scrapes when it is asked, so that every answer is of now and nothing is remembered. A cluster has one where a
Prometheus object is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vops.lab.documents import Document
from vops.lab.monitoring.promql import Sample, Vector, evaluate
from vops.lab.providers import ProxyRequest
from vops.lab.store import Documents

if TYPE_CHECKING:
    from vops.lab.world import World

API = "monitoring.coreos.com/v1"
_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_STALE_S = 20.0


@dataclass(frozen=True)
class Target:
    """One port of one pod, and the labels that a scrape of it gets."""

    pod: Document
    port: int
    path: str
    labels: Mapping[str, str]
    honors: bool


class Prometheus:
    """Answers instant queries about the present."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def installed(self) -> bool:
        store = self._world.store
        return store.catalog.by_kind(API, "Prometheus") is not None and bool(store.list(API, "Prometheus"))

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self._world.now

    def query(self, promql: str, at: float | None = None) -> Vector:
        """The answer; nothing for a time that is past, of which nothing is remembered. Raises BadQuery."""
        if at is not None and at < self._world.now - _STALE_S:
            return []
        return evaluate(promql, self.series, self._world.now)

    def series(self, wanted: Callable[[str], bool]) -> Iterator[Sample]:
        """Every series of the metrics whose names pass, scraped now."""
        for target in self._targets():
            page = self._page(target)
            if wanted("up"):
                yield Sample({"__name__": "up", **target.labels}, float(page is not None))
            yield from _samples(page or "", target, wanted)

    def _page(self, target: Target) -> str | None:
        metadata = target.pod["metadata"]
        worker = self._world.kubelet.worker(metadata["namespace"], metadata["name"])
        request = ProxyRequest(metadata["namespace"], metadata["name"], target.port, "GET", target.path)
        for unit in worker.units if worker else ():
            answer = unit.process.respond(request) if unit.process else None
            if answer is not None:
                return answer.body.decode() if answer.status == 200 else None
        return None

    # --- targets ------------------------------------------------------------------------------------------

    def _targets(self) -> Iterator[Target]:
        store = self._world.store
        overridden = any(item["spec"].get("overrideHonorLabels") for item in store.list(API, "Prometheus"))
        for monitor in store.list(API, "ServiceMonitor"):
            for service in self._selected(monitor, "Service"):
                for endpoint in monitor["spec"].get("endpoints", ()):
                    yield from self._of_service(service, endpoint, overridden=overridden)
        for monitor in store.list(API, "PodMonitor"):
            for pod in self._selected(monitor, "Pod"):
                for endpoint in monitor["spec"].get("podMetricsEndpoints", ()):
                    yield from self._of_pod(monitor, pod, endpoint, overridden=overridden)

    def _selected(self, monitor: Document, kind: str) -> Documents:
        """What a monitor selects: in its own namespace, unless it names others or takes any."""
        chosen = monitor["spec"].get("namespaceSelector", {})
        names = chosen.get("matchNames") or [monitor["metadata"]["namespace"]]
        labels = monitor["spec"]["selector"].get("matchLabels", {})
        return [
            item
            for item in self._world.store.list("v1", kind)
            if (chosen.get("any") or item["metadata"]["namespace"] in names)
            and all(item["metadata"].get("labels", {}).get(name) == value for name, value in labels.items())
        ]

    def _of_service(self, service: Document, endpoint: Document, *, overridden: bool) -> Iterator[Target]:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        for stored in self._world.store.list("discovery.k8s.io/v1", "EndpointSlice", namespace):
            if stored["metadata"].get("labels", {}).get("kubernetes.io/service-name") != name:
                continue
            ports = [port["port"] for port in stored["ports"] if port["name"] == endpoint["port"]]
            for address in stored["endpoints"]:
                pod = self._world.store.find("v1", "Pod", namespace, address["targetRef"]["name"])
                if pod is not None:
                    labels = {"job": name, "service": name}
                    yield from (_target(pod, port, endpoint, labels, overridden=overridden) for port in ports)

    def _of_pod(self, monitor: Document, pod: Document, endpoint: Document, *, overridden: bool) -> Iterator[Target]:
        declared = (item for container in pod["spec"]["containers"] for item in container.get("ports", ()))
        job = "/".join((monitor["metadata"]["namespace"], monitor["metadata"]["name"]))
        for port in declared:
            if port.get("name") == endpoint["port"] and pod.get("status", {}).get("podIP"):
                yield _target(pod, port["containerPort"], endpoint, {"job": job}, overridden=overridden)


def _target(pod: Document, port: int, endpoint: Document, labels: Mapping[str, str], *, overridden: bool) -> Target:
    metadata = pod["metadata"]
    attached = {
        "container": pod["spec"]["containers"][0]["name"],
        "endpoint": endpoint["port"],
        "instance": f"{pod['status']['podIP']}:{port}",
        "namespace": metadata["namespace"],
        "pod": metadata["name"],
        **labels,
    }
    honors = bool(endpoint.get("honorLabels")) and not overridden
    return Target(pod, port, endpoint.get("path", "/metrics"), attached, honors)


def _samples(page: str, target: Target, wanted: Callable[[str], bool]) -> Iterator[Sample]:
    known: dict[str, bool] = {}
    for line in page.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name not in known:
            known[name] = not name.startswith("#") and wanted(name)
        match = _LINE.match(line) if known[name] else None
        if match is not None:
            own = {label: value for label, value in _LABEL.findall(match[2] or "") if value}
            yield Sample({"__name__": name, **_merged(own, target)}, float(match[3]))


def _merged(own: Mapping[str, str], target: Target) -> dict[str, str]:
    """Where both have a label, the target's wins and the scraped one is renamed, unless labels are honoured."""
    if target.honors:
        return {**target.labels, **own}
    renamed = {f"exported_{name}" if name in target.labels else name: value for name, value in own.items()}
    return {**renamed, **target.labels}
