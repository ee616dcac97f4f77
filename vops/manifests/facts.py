"""Named facts of a set of manifests, each derived once: servers, queries, and who belongs to whom."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec

from vops.diagnosis.facts import Facts
from vops.diagnosis.placement.recompute import Placement
from vops.manifests.objects import Object, dig, mapping, selects, strings, text, whole_number
from vops.manifests.queries import Query, queries_of
from vops.manifests.servers import PodTemplate, Server, pod_templates, servers_of
from vops.model.dialects import Version
from vops.model.pods import Pod
from vops.model.snapshot import Source


class Claim(NamedTuple):
    """A PersistentVolumeClaim that a pod template mounts, when it is among the manifests."""

    pod: PodTemplate
    volume_index: int
    claim: Object

    @property
    def access_modes(self) -> list[str]:
        return [text(mode) for mode in self.claim.get("spec", "accessModes") or []]


class Seen(NamedTuple):
    """A server among all the manifests it is linted with."""

    server: Server
    manifests: Manifests


class Asked(NamedTuple):
    """A query among all the manifests it is linted with."""

    query: Query
    manifests: Manifests


class Manifests:
    """A set of objects that are meant for one cluster; `cluster` is what is known of it, where it was looked at."""

    def __init__(self, objects: list[Object], cluster: Facts | None = None) -> None:
        self.objects = objects
        self._cluster = cluster

    def placement(self, server: Server) -> Placement | None:
        """The server's pod against the nodes of the cluster; None where no nodes were seen, or the pod is no pod."""
        facts = self._cluster
        if facts is None or not facts.snapshot.source(Source.NODES).usable or not server.pod.is_whole:
            return None
        metadata = {"name": server.name, "namespace": server.object.namespace, "labels": server.pod.labels}
        try:
            pod = msgspec.convert({"metadata": metadata, "spec": server.pod.spec}, Pod, strict=False)
        except msgspec.ValidationError:
            return None
        return facts.placement(pod)

    @cached_property
    def servers(self) -> list[Server]:
        return [server for item in self.objects for server in servers_of(item)]

    @cached_property
    def pods(self) -> list[PodTemplate]:
        return [pod for item in self.objects for pod in pod_templates(item)]

    @cached_property
    def queries(self) -> list[Query]:
        return [query for item in self.objects for query in queries_of(item)]

    @cached_property
    def claims(self) -> list[Claim]:
        """The claims that are mounted by a pod template and defined here."""
        return list(self._claims())

    def kind(self, *kinds: str) -> list[Object]:
        return [item for item in self.objects if item.kind in kinds]

    @cached_property
    def versions(self) -> frozenset[Version]:
        """The vLLM versions of all servers whose image tells one."""
        return frozenset(server.version for server in self.servers if server.version is not None)

    def autoscalers(self, target: Object) -> list[Object]:
        """The HPAs and ScaledObjects that set the replicas of `target`."""
        return [
            item
            for item in self.kind("HorizontalPodAutoscaler", "ScaledObject")
            if item.beside(target) and self._target(item) == (target.kind, target.name)
        ]

    @staticmethod
    def _target(scaler: Object) -> tuple[str, str]:
        reference = mapping(scaler.get("spec", "scaleTargetRef"))
        return text(reference.get("kind")) or "Deployment", text(reference.get("name"))

    def least_replicas(self, target: Object) -> int:
        """Replicas that `target` has at its quietest: an autoscaler's floor, else its own number."""
        floors = [_floor(item) for item in self.autoscalers(target)]
        return min(floors, default=whole_number(target.get("spec", "replicas")) or 1)

    def services_of(self, pod: PodTemplate) -> list[Object]:
        """The Services that select a pod template."""
        return [
            item
            for item in self.kind("Service")
            if item.beside(pod.object) and selects(strings(item.get("spec", "selector")), pod.labels)
        ]

    def servers_behind(self, service: Object) -> list[Server]:
        selector = strings(service.get("spec", "selector"))
        return [s for s in self.servers if service.beside(s.object) and selects(selector, s.pod.labels)]

    def _claims(self) -> Iterator[Claim]:
        known = self.kind("PersistentVolumeClaim")
        for pod in self.pods:
            for at, volume in pod.volumes.values():
                name = text(dig(volume, "persistentVolumeClaim", "claimName"))
                claim = next((c for c in known if name and c.name == name and c.beside(pod.object)), None)
                if claim is not None:
                    yield Claim(pod, at, claim)


def servers(manifests: Manifests) -> list[Server]:
    return manifests.servers


def seen_servers(manifests: Manifests) -> list[Seen]:
    return [Seen(server, manifests) for server in manifests.servers]


def queries(manifests: Manifests) -> list[Query]:
    return manifests.queries


def asked_queries(manifests: Manifests) -> list[Asked]:
    return [Asked(query, manifests) for query in manifests.queries]


def scaling_queries(manifests: Manifests) -> list[Query]:
    return [query for query in manifests.queries if query.scales]


def scaled_objects(manifests: Manifests) -> list[Object]:
    return manifests.kind("ScaledObject")


def deployments(manifests: Manifests) -> list[Server]:
    """Servers that a Deployment runs."""
    return [server for server in manifests.servers if server.is_deployment]


def everything(manifests: Manifests) -> list[Manifests]:
    """The whole set, once."""
    return [manifests]


def pods(manifests: Manifests) -> list[PodTemplate]:
    return manifests.pods


def _floor(scaler: Object) -> int:
    field = "minReplicaCount" if scaler.kind == "ScaledObject" else "minReplicas"
    value = whole_number(scaler.get("spec", field))
    default = 0 if scaler.kind == "ScaledObject" else 1
    return default if value is None else value
