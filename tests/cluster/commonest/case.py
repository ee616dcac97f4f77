"""One thing to bring about: its objects, how it shows, and what its diagnosis must say. Also how objects are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.cluster import vllm_pods
from tests.cluster.failures import restarted, unschedulable

Document = dict[str, Any]
Made = Callable[[str, str], Sequence[Document]]
"""From namespace and name to the objects of a case; the one that is diagnosed has that name."""

SERVING = "inference"
"""The namespace of all that needs none of its own."""


@dataclass(frozen=True)
class Case:
    """A failing object, or a healthy one, whose cause is empty."""

    cause: str
    says: str
    """A text that some piece of the evidence must hold; mostly the scheduler's, a controller's or the kubelet's."""
    shows: Callable[[Document], bool]
    """Whether the object shows it."""
    made: Made
    kind: str = "pod"
    namespace: str = SERVING
    confidence: tuple[str, ...] = ("certain", "strong")
    """Less only where the failure's own words leave it open."""
    state: str = ""
    """Of a healthy one."""


# --- how things show --------------------------------------------------------------------------------------


def waiting(*reasons: str) -> Callable[[Document], bool]:
    """A container, or an init container, waits for one of `reasons`."""

    def shows(pod: Document) -> bool:
        return any(status["state"].get("waiting", {}).get("reason") in reasons for status in _statuses(pod))

    return shows


def died(reason: str) -> Callable[[Document], bool]:
    """A container, or an init container, has died of `reason` before."""

    def shows(pod: Document) -> bool:
        return any(status["lastState"].get("terminated", {}).get("reason") == reason for status in _statuses(pod))

    return shows


def failed(pod: Document) -> bool:
    return bool(pod["status"].get("phase") == "Failed")


def running(pod: Document) -> bool:
    return any("running" in status["state"] for status in pod["status"].get("containerStatuses", []))


def condition(type_: str, status: str, reason: str = "") -> Callable[[Document], bool]:
    """An object has a condition, for `reason` where one is given."""

    def shows(item: Document) -> bool:
        conditions = item.get("status", {}).get("conditions") or []
        found = (each for each in conditions if each["type"] == type_ and each["status"] == status)
        return any(not reason or each.get("reason") == reason for each in found)

    return shows


ready = condition("Ready", "True")


def exists(_: Document) -> bool:
    return True


def _statuses(pod: Document) -> list[Document]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


# --- how things are made ----------------------------------------------------------------------------------


def spec(*, pod: Document | None = None, container: Document | None = None, **options: Any) -> Document:
    """A server's spec; `pod` and `container` add to it or replace fields, `options` are those of vllm_pods.pod_spec.

    Lists of volumes, mounts, variables and ports are added to.
    """
    made = vllm_pods.pod_spec(**options)
    made["containers"] = [_merged(made["containers"][0], container or {}), *made["containers"][1:]]
    return _merged(made, pod or {})


def _merged(base: Document, more: Document) -> Document:
    added = {"volumes", "volumeMounts", "env"}
    lists = {key: [*base.get(key, []), *more[key]] for key in added & more.keys()}
    return base | more | lists


def server(*beside: Document, **options: Any) -> Made:
    """A bare pod with a vLLM server, and `beside` it other objects of its namespace."""
    return lambda namespace, name: [
        *(placed(item, namespace) for item in beside),
        vllm_pods.bare_pod(namespace, name, spec(**options)),
    ]


def deployed(*beside: Document, deployment: Document | None = None, **options: Any) -> Made:
    """A Deployment of one vLLM server; `deployment` goes into its spec."""

    def made(namespace: str, name: str) -> Sequence[Document]:
        document = vllm_pods.deployment(namespace, name, spec(**options))
        document["spec"] |= deployment or {}
        return [*(placed(item, namespace) for item in beside), document]

    return made


def placed(item: Document, namespace: str) -> Document:
    """An object that is in `namespace`, unless it says where it is."""
    return item | {"metadata": {"namespace": namespace} | item["metadata"]}


def document(kind: str, name: str, version: str = "v1", **fields: Any) -> Document:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def service(name: str, app: str, port: int | str) -> Document:
    """A Service of the pods of an app."""
    ports = [{"name": "http", "port": 80, "targetPort": port}]
    return document("Service", name, spec={"selector": {"app": app}, "ports": ports})


def claim(name: str, **fields: Any) -> Document:
    """A claim of 1 GiB; `fields` go into its spec."""
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return document("PersistentVolumeClaim", name, spec=asked | fields)


def mounting(name: str, path: str = "/models", **source: Any) -> Mapping[str, Document]:
    """Options of `spec` that mount a volume."""
    return {
        "pod": {"volumes": [{"name": name, **source}]},
        "container": {"volumeMounts": [{"name": name, "mountPath": path}]},
    }


def pending(cause: str, says: str, made: Made) -> Case:
    """The scheduler finds no place for it."""
    return Case(cause, says, unschedulable, made)


def dying(cause: str, says: str, **options: Any) -> Case:
    """It starts, dies, and is started again."""
    return Case(cause, says, restarted, server(**options))
