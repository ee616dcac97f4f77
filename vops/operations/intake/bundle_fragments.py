"""Parts of objects that somebody copied without what says which kind they are.

The fields tell: only a pod has containers and their statuses, only an event is about another object. A status alone
becomes a pod with the containers that it speaks of, and conditions alone become what has conditions of those types.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.diagnosis.facts import STAND_IN
from vops.diagnosis.starting.companions import stands_beside

Document = dict[str, Any]

_CONDITIONS_OF_V1 = "autoscaling.alpha.kubernetes.io/conditions"
_OF_A_STATUS = frozenset({"containerStatuses", "initContainerStatuses"})
_OF_ONE_STATUS = frozenset({"lastState", "restartCount"})
_BETWEEN = {"waiting": {"reason": "CrashLoopBackOff"}}
_OF_A_TEMPLATE = frozenset({"template", "selector"})
_POD_PHASES = frozenset({"Pending", "Running", "Succeeded", "Failed", "Unknown"})
_OF_A_CLAIM = frozenset({"accessModes", "capacity"})
_OF_A_NODE = frozenset({"taints", "podCIDR", "podCIDRs", "providerID"})
_OF_A_NODES_STATUS = frozenset({"allocatable", "capacity"})
_FAILED = frozenset({"DEPLOY_FAILED", "UNHEALTHY"})
_KUBELETS = ("NodeStatusUnknown", "NodeStatusNeverUpdated")
_MOST_DIGITS = 10
_OF_KNATIVE = ("Revision", "Configuration", "Service")
_PAUSED = "autoscaling.keda.sh/paused"
_DECLARED = ("resources", "livenessProbe", "startupProbe")
_CONTAINER_FAILED = "Container failed with: "
_EXIT_CODE = "ExitCode"
_ROUTES = "gateway.networking.k8s.io/v1"
_BY_CONDITION = {
    "ResolvedRefs": "HTTPRoute",
    "Programmed": "Gateway",
    "Launched": "NodeClaim",
    "Registered": "NodeClaim",
    "DisruptionTarget": "Pod",
    "PodScheduled": "Pod",
    "ContainersReady": "Pod",
    "Initialized": "Pod",
    "PodReadyToStartContainers": "Pod",
    "ScalingActive": "HorizontalPodAutoscaler",
    "AbleToScale": "HorizontalPodAutoscaler",
    "ScalingLimited": "HorizontalPodAutoscaler",
    "ReplicaFailure": "Deployment",
    "Progressing": "Deployment",
    "DiskPressure": "Node",
    "Fallback": "ScaledObject",
    "Paused": "ScaledObject",
    "ContainerHealthy": "Revision",
    "ResourcesAvailable": "Revision",
    "PredictorReady": "InferenceService",
    "MemoryPressure": "Node",
}


def whole(document: Document) -> Document:
    """A document with the kind that its fields show, where it has none of its own."""
    if str(document.get("kind", "")).endswith("NodeClass") and (pool := _pool_of_class(document)) is not None:
        return pool
    if _is_cut(document):
        return _pod(document, {}, document["status"])
    if document.get("kind") or "items" in document:
        return hpa_of_v1(document)
    if "involvedObject" in document or "regarding" in document:
        return {"kind": "Event", **document}
    document = _with_parts(document)
    spec, status = document.get("spec"), document.get("status")
    spec, status = spec if isinstance(spec, dict) else {}, status if isinstance(status, dict) else {}
    if _has_triggers(document):
        return {"kind": "ScaledObject", "metadata": {"name": "pasted"}, "spec": document}
    if spec.keys() >= _OF_A_TEMPLATE:
        return {"kind": "Deployment", **document}
    if isinstance(spec.get("containers"), list) or _OF_A_STATUS & status.keys() or _ends_a_pod(status):
        return _pod(document, spec, status)
    if _OF_A_NODE & spec.keys() or status.keys() >= _OF_A_NODES_STATUS or _by_kubelet(status.get("conditions")):
        return {"kind": "Node", "metadata": {"name": "node"}, **document}
    kind = _kind_of_a_status(document, status)
    if kind == "Pod":
        phase = {"phase": "Failed"} if _is_sent_away(status["conditions"]) else {}
        return _pod(document, spec, {"phase": "Pending", **status, **phase})
    version = {"apiVersion": _ROUTES} if kind in ("HTTPRoute", "Gateway") else {}
    return {"kind": kind, **version, "metadata": {"name": "pasted"}, **document} if kind else document


def hpa_of_v1(document: Document) -> Document:
    """A HorizontalPodAutoscaler of autoscaling/v1, with what that keeps in annotations where newer versions have it."""
    notes, status = (document.get(key) for key in ("metadata", "status"))
    notes = notes.get("annotations") if isinstance(notes, dict) else None
    said = notes.get(_CONDITIONS_OF_V1) if isinstance(notes, dict) else None
    if document.get("kind") != "HorizontalPodAutoscaler" or not isinstance(said, str) or not isinstance(status, dict):
        return document
    try:
        conditions = msgspec.json.decode(said)
    except ValueError:
        return document
    return {**document, "status": {"conditions": conditions, **status}} if isinstance(conditions, list) else document


def _pool_of_class(document: Document) -> Document | None:
    """The pool that a NodeClass keeps from making nodes, by what the class complains of; None where it does not."""
    status = document.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    wrong = [item for item in conditions or () if isinstance(item, dict) and _not_so(item)]
    if not wrong:
        return None
    told = next((item for item in wrong if item.get("type") != "Ready"), wrong[0])
    said = {"type": "NodeClassReady", "status": "False", "reason": "NodeClassNotReady"}
    message = f"NodeClass {told.get('type')}: {told.get('reason', '')}: {told.get('message', '')}"
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": document.get("metadata") or {"name": "pool"},
        "status": {"conditions": [{**said, "message": message}]},
    }


def _kind_of_a_status(document: Document, status: Document) -> str:
    """What has such a status or such annotations; empty where nothing tells."""
    if _is_paused(document.get("metadata")):
        return "ScaledObject"
    if "parents" in status:
        return "HTTPRoute"
    return "InferenceService" if "modelStatus" in status else _kind_by_conditions(status.get("conditions"))


def _has_triggers(document: Document) -> bool:
    """Whether it is a part of a ScaledObject's spec: only there triggers have a type and what belongs to it."""
    triggers = document.get("triggers")
    return isinstance(triggers, list) and any(
        isinstance(item, dict) and {"type", "metadata"} <= item.keys() for item in triggers
    )


def _is_paused(metadata: Any) -> bool:
    """Whether it has an annotation by which KEDA is told to do nothing, which only its own kinds have."""
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and any(str(key).startswith(_PAUSED) for key in annotations)


def _is_cut(document: Document) -> bool:
    """Whether a pod's spec was left out when it was copied, which says less than its status."""
    status = document.get("status")
    return document.get("kind") == "Pod" and "spec" not in document and isinstance(status, dict)


def _with_parts(document: Document) -> Document:
    """A document whose fields are those of a status or of a spec, as one that has them where they belong."""
    if _is_an_end(document):
        document = _ended_alone(document)
    if (document.keys() & _OF_ONE_STATUS or _is_a_state(document.get("state"))) and "metadata" not in document:
        document = {"containerStatuses": [{"name": "vllm", "state": {"running": {}}, **document}]}
    if _OF_A_STATUS & document.keys():
        document = {"status": document}
    elif isinstance(document.get("containers"), list):
        document = {"spec": document}
    elif document.keys() >= _OF_A_NODES_STATUS or isinstance(document.get("parents"), list):
        document = {"status": document}
    elif isinstance(document.get("conditions"), list) and "status" not in document:
        document = _with_status(document)
    return document


def _ended_alone(end: Document) -> Document:
    """The status of a pod of which only a container's end was copied; one that ended well has done its work."""
    ended = {"terminated": end}
    if _whole_number(end["exitCode"]) == 0:
        return {"phase": "Succeeded", "containerStatuses": [{"name": "vllm", "state": ended}]}
    return {"containerStatuses": [{"name": "vllm", "state": _BETWEEN, "lastState": ended}]}


def _is_an_end(document: Document) -> bool:
    """Whether it is how a container ended, and nothing else (`jq .lastState.terminated`)."""
    return "exitCode" in document and isinstance(document.get("reason"), str)


def _is_a_state(value: Any) -> bool:
    """Whether it is how a container stands, as only its status has it."""
    return isinstance(value, dict) and bool(value.keys() & {"waiting", "terminated"})


def pod_of_a_failed_model(document: Document) -> Document | None:
    """The pod that a KServe InferenceService tells of, by how its container ended; None where it tells of none."""
    status = document.get("status")
    told = status.get("modelStatus") if isinstance(status, dict) else None
    failure = told.get("lastFailureInfo") if isinstance(told, dict) else None
    code = _whole_number(failure.get("exitCode")) or _loads_not(failure) if isinstance(failure, dict) else 0
    message = failure.get("message") if isinstance(failure, dict) else None
    if not code or not isinstance(message, str) or not message:
        return None
    told_of = (code, message)
    return _ended(document, "predictor", "kserve-container", told_of, "its InferenceService")


def _loads_not(failure: Document) -> int:
    """1 for a model that ModelMesh could not load, of which it gives no code."""
    return int(failure.get("reason") == "ModelLoadFailed")


def pod_of_a_failed_revision(document: Document) -> Document | None:
    """The pod of a Knative Revision or Service whose conditions quote how its container ended; None where none does."""
    status = document.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    if document.get("kind") not in _OF_KNATIVE or not isinstance(conditions, list):
        return None
    said = (str(item.get("message", "")) for item in conditions if isinstance(item, dict) and _not_so(item))
    message = next((text for text in said if _CONTAINER_FAILED in text), "")
    told = message.partition(_CONTAINER_FAILED)[2].strip()
    if not told:
        return None
    return _ended(document, "deployment", "user-container", (_exit_code(conditions), told), "its Revision")


def _exit_code(conditions: list[Any]) -> int:
    """The code that Knative gives as the reason, ExitCode137; 1 where it is not there."""
    reasons = (str(item.get("reason", "")) for item in conditions if isinstance(item, dict))
    codes = (text.removeprefix(_EXIT_CODE) for text in reasons if text.startswith(_EXIT_CODE))
    return next((int(code) for code in codes if code.isascii() and code.isdigit() and len(code) < _MOST_DIGITS), 1)


def _not_so(condition: Document) -> bool:
    return str(condition.get("status")) == "False"


def _whole_number(value: Any) -> int:
    """A number as the API has it or as describe prints it; 0 for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else 0


def pod_of_a_failed_service(document: Document) -> Document | None:
    """The pod of a RayService whose status quotes why Serve could not start its deployment; None where none does."""
    if document.get("kind") != "RayService":
        return None
    messages = sorted(_failures(document.get("status")), key=len)
    return _ended(document, "head", "ray-head", (1, messages[-1]), "its RayService") if messages else None


def _failures(status: Any) -> list[str]:
    """What deployments failed of, wherever a status tells of them."""
    if not isinstance(status, dict):
        return []
    message, failed = status.get("message"), str(status.get("status", "")) in _FAILED
    own = [message] if failed and isinstance(message, str) and "\n" in message else []
    return own + [text for value in status.values() for text in _failures(value)]


def _ended(document: Document, suffix: str, container: str, told: tuple[int, str], by: str) -> Document:
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    ended = {"exitCode": told[0], "reason": "Error", "message": told[1]}
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    server = {"name": container, "command": ["vllm", "serve"], **_declared(document.get("spec"))}
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata.get('name', 'model')}-{suffix}",
            "namespace": str(metadata.get("namespace") or ""),
            "annotations": {STAND_IN: by},
        },
        "spec": {"nodeName": "unknown", "containers": [server]},
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {"name": container, "state": state, "lastState": {"terminated": ended}, "restartCount": 1}
            ],
        },
    }


def _declared(spec: Any) -> Document:
    """What a model, or the container of a revision, may use and is asked, wherever KServe and Knative let it stand."""
    holders = [spec.get("predictor"), spec] if isinstance(spec, dict) else []
    parts = [part for item in holders if isinstance(item, dict) for part in item.values()]
    parts = [part[0] if isinstance(part, list) and part else part for part in parts]
    found = next((part for part in parts if isinstance(part, dict) and isinstance(part.get("resources"), dict)), {})
    return {name: found[name] for name in _DECLARED if isinstance(found.get(name), dict)}


def conditions_alone(items: list[Any]) -> Document | None:
    """A list of conditions that was copied without their object, as that object; None for any other list."""
    if not items or not all(isinstance(item, dict) and {"type", "status"} <= item.keys() for item in items):
        return None
    known = _kind_by_conditions(items) or _by_kubelet(items)
    return {"status": {"conditions": items}} if known else None


def _kind_by_conditions(conditions: Any) -> str:
    if any(isinstance(item, dict) and item.get("reason") == "ScaledObjectPaused" for item in conditions or ()):
        return "ScaledObject"
    named = [item.get("type") for item in conditions if isinstance(item, dict)] if isinstance(conditions, list) else []
    return next((kind for name, kind in _BY_CONDITION.items() if name in named), "")


def _is_sent_away(conditions: list[Any]) -> bool:
    """Whether Kubernetes says that it ends or has ended the pod."""
    found = (item for item in conditions if isinstance(item, dict))
    return any(item.get("type") == "DisruptionTarget" and str(item.get("status")) == "True" for item in found)


def _with_status(document: Document) -> Document:
    """A document whose fields of a status stand beside its spec or alone."""
    above = {key: value for key, value in document.items() if key in _TOP}
    return {**above, "status": {key: value for key, value in document.items() if key not in _TOP}}


_TOP = ("apiVersion", "metadata", "spec")


def _by_kubelet(conditions: Any) -> bool:
    """Whether conditions are such as the kubelet, or whoever misses it, writes of a node."""
    found = [item for item in conditions if isinstance(item, dict)] if isinstance(conditions, list) else []
    return any(
        item.get("type") == "Ready" and str(item.get("reason", "")).startswith(("Kubelet", *_KUBELETS))
        for item in found
    )


def _ends_a_pod(status: Document) -> bool:
    """Whether a status is of a pod that was ended or refused: only pods have these phases with a reason."""
    told = status.get("phase") in _POD_PHASES and ("reason" in status or "startTime" in status)
    return told and not _OF_A_CLAIM & status.keys()


def _pod(document: Document, spec: Document, status: Document) -> Document:
    named = {name: _containers(status, f"{name[:-1]}Statuses") for name in ("containers", "initContainers")}
    if not named["containers"] and "containers" not in spec:
        named["containers"] = [{"name": "vllm"}]
    statuses = [item for name in sorted(_OF_A_STATUS) for item in status.get(name) or ()]
    started = any(isinstance(item, dict) and item.get("state") for item in statuses)
    return {
        **document,
        "kind": "Pod",
        "metadata": document.get("metadata") or {"name": "pod"},
        "spec": {**({"nodeName": "unknown"} if started else {}), **named, **spec},
        "status": {"phase": "Running" if started else "", **status},
    }


def _containers(status: Document, key: str) -> list[Document]:
    found = status.get(key)
    statuses = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    named = [{"name": item.get("name", "vllm"), "image": item.get("image", "")} for item in statuses]
    return sorted(named, key=lambda item: stands_beside(str(item["name"])))  # the first is taken for the server
