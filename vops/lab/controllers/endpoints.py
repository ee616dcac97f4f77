"""The EndpointSlice controller: the addresses and ports behind each Service with a selector.

Pods whose ports resolve differently go into slices of their own, as upstream groups them; a Service without pods has
one slice that names none. Leaves out the limit of a hundred addresses a slice, and IPv6.
Source: k8s.io/endpointslice (reconciler.go, utils.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.lab.controllers.base import Controller, is_true, key_of, owner_reference, terminating
from vops.lab.documents import Change, Document, Key, copy_of
from vops.lab.store import Documents

_SERVICE = "kubernetes.io/service-name"
_FINISHED = ("Succeeded", "Failed")
_Ports = tuple[tuple[tuple[str, object], ...], ...]


class EndpointSliceController(Controller):
    """Keeps the slices of a Service as its pods come, become ready, and go."""

    name = "endpointslice-controller"

    def notice(self, change: Change) -> None:
        if change.kind.kind == "Service":
            self.mark(change.key)
        elif change.kind.kind == "Pod":
            for service in self.store.list("v1", "Service", change.key[0]):
                if _selects(service, change.document) or (change.old and _selects(service, change.old.document)):
                    self.mark(key_of(service))

    def reconcile(self, key: Key) -> None:
        service = self.store.find("v1", "Service", *key)
        if service is None or not service["spec"].get("selector"):
            wanted: dict[_Ports, Documents] = {}
        else:
            wanted = self._endpoints(service)
        present = {_ports_of(item): item for item in self._slices(key)}
        for ports, stored in present.items():
            if ports not in wanted:
                self.store.delete("discovery.k8s.io/v1", "EndpointSlice", *key_of(stored))
        for ports, endpoints in wanted.items():
            if service is not None:
                self._write(service, ports, endpoints, present.get(ports))

    def _slices(self, key: Key) -> Documents:
        found = self.store.list("discovery.k8s.io/v1", "EndpointSlice", key[0])
        return [item for item in found if item["metadata"].get("labels", {}).get(_SERVICE) == key[1]]

    def _endpoints(self, service: Document) -> dict[_Ports, Documents]:
        found: dict[_Ports, Documents] = {}
        for pod in self.store.list("v1", "Pod", service["metadata"]["namespace"]):
            status = pod.get("status", {})
            if _selects(service, pod) and status.get("podIP") and status.get("phase") not in _FINISHED:
                found.setdefault(tuple(_resolved(service, pod)), []).append(self._endpoint(service, pod))
        return found or {(): []}

    def _endpoint(self, service: Document, pod: Document) -> Document:
        metadata, ready = pod["metadata"], is_true(pod, "Ready")
        node = self.store.find("v1", "Node", "", pod["spec"]["nodeName"])
        zone = node["metadata"].get("labels", {}).get("topology.kubernetes.io/zone") if node else None
        shown = ready and not terminating(pod)
        return {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {
                "ready": shown or bool(service["spec"].get("publishNotReadyAddresses")),
                "serving": ready,
                "terminating": terminating(pod),
            },
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {"kind": "Pod", **{name: metadata[name] for name in ("namespace", "name", "uid")}},
            **({"zone": zone} if zone else {}),
        }

    def _write(self, service: Document, ports: _Ports, endpoints: Documents, stored: Document | None) -> None:
        said = {"endpoints": endpoints, "ports": [dict(port) for port in ports]}
        if stored is not None:
            if any(stored[name] != value for name, value in said.items()):
                self.store.update(copy_of(stored) | said, manager="kube-controller-manager")
            return
        metadata = service["metadata"]
        labels = {_SERVICE: metadata["name"], "endpointslice.kubernetes.io/managed-by": f"{self.name}.k8s.io"}
        self.store.create(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "generateName": f"{metadata['name']}-",
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "ownerReferences": [owner_reference(service)],
                },
                "addressType": "IPv4",
                **said,
            },
            manager="kube-controller-manager",
        )


def _selects(service: Document, pod: Document) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels", {})
    same_namespace = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return bool(selector) and same_namespace and all(labels.get(name) == value for name, value in selector.items())


def _resolved(service: Document, pod: Document) -> Iterator[tuple[tuple[str, object], ...]]:
    """The Service's ports as numbers of this pod; one that names a port which the pod does not have is left out."""
    for port in service["spec"].get("ports", ()):
        number = _number(port, pod)
        if number:
            yield (("name", port.get("name", "")), ("protocol", port["protocol"]), ("port", number))


def _number(port: Document, pod: Document) -> int | None:
    target = port["targetPort"]
    if isinstance(target, int):
        return target
    declared = (item for container in pod["spec"]["containers"] for item in container.get("ports", ()))
    return next((item["containerPort"] for item in declared if item.get("name") == target), None)


def _ports_of(stored: Document) -> _Ports:
    return tuple(tuple(port.items()) for port in stored["ports"])
