"""The defaults that the API server fills into new and changed objects, for the types that the lab's users write.

Idempotent, and in place: the caller owns the document.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from vops.lab.documents import Document

_EVICTED_AFTER_S = 300
_DEFAULT_MODE = 0o644


def apply_defaults(document: Document) -> None:
    """Fills in what is missing; types without an entry stay as they are."""
    fill = _BY_KIND.get(document["kind"])
    if fill:
        fill(document)


def _pod(pod: Document) -> None:
    spec = pod.setdefault("spec", {})
    _pod_spec(spec)
    for container in (*spec.get("containers", []), *spec.get("initContainers", [])):
        resources = container["resources"]
        if "limits" in resources:
            resources["requests"] = resources["limits"] | resources.get("requests", {})
    spec.setdefault("enableServiceLinks", True)
    status = pod.setdefault("status", {})
    status.setdefault("phase", "Pending")
    status.setdefault("qosClass", qos_class(spec))


def admit(document: Document) -> None:
    """What the admission plugins and allocators add to a new object, in place; nobody owns these fields."""
    if document["kind"] == "Service":
        _allocate_address(document)
    if document["kind"] != "Pod":
        return
    spec = document["spec"]
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    _eviction_tolerations(spec)


def _allocate_address(service: Document) -> None:
    """A cluster IP, the same for the same Service whenever it is made; headless ones keep `None`."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName" or spec.get("clusterIP"):
        return
    metadata = service["metadata"]
    number = crc32(f"{metadata.get('namespace')}/{metadata['name']}".encode())
    spec["clusterIP"] = f"10.96.{number >> 8 & 0xFF}.{number % 253 + 2}"
    spec["clusterIPs"] = [spec["clusterIP"]]


def _eviction_tolerations(spec: Document) -> None:
    """What the DefaultTolerationSeconds admission plugin adds: five minutes on a node that is lost."""
    tolerations: list[Document] = spec.get("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_tolerates_no_execute(toleration, key) for toleration in tolerations):
            lost: Document = {
                "key": key,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": _EVICTED_AFTER_S,
            }
            tolerations.append(lost)
    if tolerations:
        spec["tolerations"] = tolerations


def _tolerates_no_execute(toleration: Document, key: str) -> bool:
    return (toleration.get("key") or key, toleration.get("effect") or "NoExecute") == (key, "NoExecute")


def qos_class(spec: Document) -> str:
    """Guaranteed, Burstable or BestEffort, from cpu and memory of every container."""
    containers = [*spec.get("containers", []), *spec.get("initContainers", [])]
    counted = [
        container.get("resources", {}).get(part, {}).get(name)
        for container in containers
        for part in ("requests", "limits")
        for name in ("cpu", "memory")
    ]
    if not any(counted):
        return "BestEffort"
    equal = all(
        container["resources"].get("requests", {}).get(name) == container["resources"].get("limits", {}).get(name)
        for container in containers
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if all(counted) and equal else "Burstable"


def _pod_spec(spec: Document) -> None:
    defaults: dict[str, Any] = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    for name, value in defaults.items():
        spec.setdefault(name, value)
    for container in (*spec.get("containers", []), *spec.get("initContainers", [])):
        _container(container)
    for volume in spec.get("volumes", []):
        _volume(volume)


def _container(container: Document) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])
    for variable in container.get("env", []):
        field_ref = variable.get("valueFrom", {}).get("fieldRef")
        if field_ref is not None:
            field_ref.setdefault("apiVersion", "v1")


def _pull_policy(image: str) -> str:
    name = image.rpartition("/")[2]
    tagged = "@" in name or (":" in name and not name.endswith(":latest"))
    return "IfNotPresent" if tagged else "Always"


def _probe(probe: Document) -> None:
    for name, value in {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}.items():
        if not probe.get(name):
            probe[name] = value
    if "httpGet" in probe:
        probe["httpGet"]["path"] = probe["httpGet"].get("path") or "/"
        probe["httpGet"].setdefault("scheme", "HTTP")


def _volume(volume: Document) -> None:
    if volume.keys() == {"name"}:
        volume["emptyDir"] = {}
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if source in volume:
            volume[source].setdefault("defaultMode", _DEFAULT_MODE)
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")


def _template(document: Document) -> None:
    spec = document.setdefault("spec", {})
    _pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    document.setdefault("status", {})


def _deployment(deployment: Document) -> None:
    _template(deployment)
    spec = deployment["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")


def _replica_set(replica_set: Document) -> None:
    _template(replica_set)
    replica_set["spec"].setdefault("replicas", 1)


def _stateful_set(stateful_set: Document) -> None:
    _template(stateful_set)
    spec = stateful_set["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)


def _daemon_set(daemon_set: Document) -> None:
    _template(daemon_set)
    spec = daemon_set["spec"]
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", 0)
        rolling.setdefault("maxUnavailable", 1)


def _job(job: Document) -> None:
    _template(job)
    filled = {"completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False}
    for name, value in filled.items():
        job["spec"].setdefault(name, value)


def _service(service: Document) -> None:
    spec = service.setdefault("spec", {})
    for name, value in {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}.items():
        spec.setdefault(name, value)
    for port in spec.get("ports", []):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])


def _claim(claim: Document) -> None:
    claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    claim.setdefault("status", {}).setdefault("phase", "Pending")


def _namespace(namespace: Document) -> None:
    namespace["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = namespace["metadata"]["name"]
    namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    namespace.setdefault("status", {}).setdefault("phase", "Active")


def _node(node: Document) -> None:
    status = node.setdefault("status", {})
    if "capacity" in status:
        status.setdefault("allocatable", dict(status["capacity"]))


def _secret(secret: Document) -> None:
    secret.setdefault("type", "Opaque")


def _autoscaler(autoscaler: Document) -> None:
    autoscaler.setdefault("spec", {}).setdefault("minReplicas", 1)


_BY_KIND: dict[str, Callable[[Document], None]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "Namespace": _namespace,
    "Node": _node,
    "Secret": _secret,
    "HorizontalPodAutoscaler": _autoscaler,
}
