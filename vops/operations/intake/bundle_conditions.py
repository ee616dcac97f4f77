"""What conditions of kinds that vops does not read say, as the events that tell the same.

Operators (KServe, KubeRay, Knative, LeaderWorkerSet, Kueue, KAI, Volcano, gateways) repeat in the conditions of their
own kinds what the scheduler, the kubelet or the API server told them. What is a known sentence becomes that component's
event; what a gateway says of a route becomes an event about the route; the rest is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vops.model.patterns import lazy_pattern
from vops.operations.intake.bundle_visibility import told_by_codes
from vops.operations.printed.describe_events import Told
from vops.operations.printed.describe_sentences import cloud_sentence, sentence_within
from vops.operations.printed.gateway_texts import gateway_events
from vops.operations.printed.operator_sentences import BY_REASON
from vops.operations.printed.ray_status import ray_demands
from vops.operations.printed.waiting_texts import waiting_sentence

Document = dict[str, Any]

_WRONG_WHEN_TRUE = lazy_pattern(
    r"^(?:Unschedulable|Evicted|Preempted|DisruptionTarget|.{0,60}(?:Failed|Failure|Degraded|Stalled|Error))"
)
_GROUPS = ("gateway.networking.k8s.io", "inference.networking", "networking.k8s.io", "networking.istio.io")
_NO_POD = ("NoSupportingRuntime", "RuntimeNotRecognized", "RuntimeDisabled", "InvalidPredictorSpec")
_MESSAGES = ("message", "errorMessage", "Message", "StatusMessage", "statusMessage", "Description")
_CODES = ("code", "errorCode", "Code", "ErrorCode")
"""How clients of the clouds call an error's words and its name; a scaling activity of AWS has it in Description."""

_NO_CONTROLLER = "NoController"
"""For what the Gateway API says of a Gateway until the controller of its class takes it up."""

_ANSWERS = ("errorMessage", "failureMessage")
_HEALTHS = ("resources",)
_ENDED_BADLY = ("Failed", "Error")
"""The phases of an operation of Argo CD that came to nothing."""

_SETTLING = {"RevisionMissing": "Unknown", "ConfigurationMissing": "Unknown"}
"""Reasons that tell of a fault only once a condition is False."""

_OF_GPUS = ("ClusterPolicy", "NVIDIADriver")
_NO_LABELS = "NFDLabelsMissing"
"""Why the GPU Operator calls itself ready although it does nothing."""

_LACKING = (
    "AMINotFound",
    "SubnetsNotFound",
    "SecurityGroupsNotFound",
    "InstanceProfileNotFound",
    "InstanceProfileRoleNotFound",
)
"""What a node class of Karpenter does not find, by the reasons of its conditions."""

_DEEPEST = 6
_MOST = 50


def told_by_conditions(document: Document) -> Iterator[Document]:
    """An event for each condition of an object that says what is wrong, and for what its kind alone tells."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    namespace = str(metadata.get("namespace", ""))
    yield from _of_an_answer(document)
    yield from _of_its_kind(document, namespace, str(metadata.get("name", "model")))
    for count, condition in enumerate(_conditions(document.get("status"), 0)):
        if count >= _MOST:
            return
        unlabelled = document.get("kind") in _OF_GPUS and condition.get("reason") == _NO_LABELS
        if condition.get("message") and (_is_bad(condition) or unlabelled):
            yield from _of_condition(document, namespace, condition)


def _of_an_answer(document: Document) -> Iterator[Document]:
    """What the API server answered in place of an object, or an adapter that has no metric."""
    if document.get("kind") == "Status":
        message = str(document.get("message", ""))
        told = sentence_within(message) or next(gateway_events(message), None)
        if told is not None:
            yield _event(told.about, "", told.reason, told.message, told.source, {})
    if _serves_no_metric(document):
        about = {"kind": "HorizontalPodAutoscaler", "name": "hpa"}
        yield _event(about, "", "FailedGetMetric", f"no metrics returned from {document['groupVersion']}", "", {})


def _of_its_kind(document: Document, namespace: str, name: str) -> Iterator[Document]:
    """What only models, volumes, machines and Serve's deployments say, each at a place of its own."""
    if (failure := _of_a_model(document)) is not None:
        about = {"kind": "ReplicaSet", "name": f"{name}-predictor"}
        yield _event(about, namespace, "FailedCreate", failure, "kserve", {})
    if (refused := _of_an_attachment(document)) is not None:
        yield _event({"kind": "Pod", "name": ""}, "", "FailedAttachVolume", refused, "attachdetach-controller", {})
    if (told := _of_a_machine(document.get("status"))) is not None:
        yield _event(told.about, namespace, told.reason, told.message, told.source, {})
    if document.get("kind") == "RayService":
        yield from _of_serve(document.get("status"), namespace)


def _of_condition(document: Document, namespace: str, condition: Document) -> Iterator[Document]:
    """What a condition says in a known sentence, by a reason that only one operator has, or of a route."""
    message, reason = str(condition["message"]), str(condition.get("reason", ""))
    metadata = document.get("metadata")
    name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
    told = sentence_within(message) or cloud_sentence(message) or waiting_sentence(message)
    if told is not None:
        yield _event(told.about, namespace, told.reason, told.message, told.source, condition)
    elif str(document.get("kind", "")).endswith("NodeClass") and reason in _LACKING:
        yield _event(
            {"kind": "Pod", "name": ""},
            namespace,
            "FailedScaleUp",
            f"NodeClass {name}: {message} ({reason})",
            "karpenter",
            condition,
        )
    elif document.get("kind") in _OF_GPUS:
        yield _event({"kind": "ClusterPolicy", "name": name}, namespace, "GpuStackNotReady", message, "", condition)
    elif reason in BY_REASON and str(condition.get("status")) != _SETTLING.get(reason):
        what, kind = BY_REASON[reason]
        about = {"kind": kind, "name": name if kind != "Pod" else ""}
        yield _event(about, namespace, what, message, "", condition)
    elif str(document.get("apiVersion", "")).startswith(_GROUPS):
        about = {"kind": str(document.get("kind", "")), "name": name}
        reason = _NO_CONTROLLER if message == "Waiting for controller" else reason
        yield _event(about, namespace, reason, message, "", condition)


def _of_serve(status: Any, namespace: str) -> Iterator[Document]:
    """What Ray Serve says of replicas that find no GPUs, wherever the status of a RayService quotes it."""
    for _, message in _messages(status, 0):
        for told in ray_demands(message):
            yield _event(told.about, namespace, told.reason, told.message, told.source, {})
            return


def _serves_no_metric(document: Document) -> bool:
    """Whether an adapter of metrics says, asked for what it has, that it has none."""
    group = str(document.get("groupVersion", ""))
    asked = document.get("kind") == "APIResourceList" and group.startswith(("custom.metrics", "external.metrics"))
    return asked and not document.get("resources")


def _of_a_model(document: Document) -> str | None:
    """Why KServe makes no pod of a model, by what it keeps of the last failure."""
    status = document.get("status")
    told = status.get("modelStatus") if isinstance(status, dict) else None
    failure = told.get("lastFailureInfo") if isinstance(told, dict) else None
    if not isinstance(failure, dict) or failure.get("reason") not in _NO_POD:
        return None
    return f"{failure['reason']}: {failure.get('message', '')}"


def _of_an_attachment(document: Document) -> str | None:
    """Why a volume is not attached to a node, in the words that its pods get as an event."""
    status, spec = document.get("status"), document.get("spec")
    error = status.get("attachError") if isinstance(status, dict) else None
    if document.get("kind") != "VolumeAttachment" or not isinstance(error, dict) or not isinstance(spec, dict):
        return None
    source = spec.get("source")
    volume = source.get("persistentVolumeName", "") if isinstance(source, dict) else ""
    return f'AttachVolume.Attach failed for volume "{volume}" : {error.get("message", "")}'


def _of_a_machine(status: Any) -> Told | None:
    """What the Cluster API or OpenShift was answered when it asked for a machine."""
    said = (status.get(key) for key in _ANSWERS) if isinstance(status, dict) else ()
    return next((told for text in said if isinstance(text, str) and (told := cloud_sentence(text)) is not None), None)


def told_by_messages(document: Document) -> Iterator[Document]:
    """An event for what an error says that came as an object without a kind, as clients and clouds answer."""
    for item in told_by_codes(document):
        yield _event(item.about, item.about["namespace"], item.reason, item.message, item.source, {})
    for code, message in _messages(document, 0):
        told = sentence_within(message) or cloud_sentence(f"{code}: {message}" if code else message)
        if told is not None:
            yield _event(told.about, "", told.reason, told.message, told.source, {})
            return
    for told in _of_requests(document):
        yield _event(told.about, "", told.reason, told.message, told.source, {})


def _of_requests(document: Document) -> Iterator[Told]:
    """What a client was answered, and what a load balancer says of the targets that it asked itself."""
    error = document.get("error") or document.get("response_code_details") or document.get("message")
    words = [error] if isinstance(error, str) else [message for _, message in _messages(error, 0)]
    targets = document.get("TargetHealthDescriptions")
    health = (
        [item.get("TargetHealth") for item in targets if isinstance(item, dict)] if isinstance(targets, list) else []
    )
    words += [f"{item.get('Reason', '')}: {item.get('Description', '')}" for item in health if isinstance(item, dict)]
    for text in words:
        yield from gateway_events(text)


def _messages(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and item.get("StatusCode") == "Successful":
                return  # activities of a group come newest first: what failed before was made good
            yield from _messages(item, depth + 1)
    elif isinstance(value, dict) and not _is_well(value):
        message = next((value[key] for key in _MESSAGES if isinstance(value.get(key), str)), None)
        if message is not None:
            yield next((str(value[key]) for key in _CODES if value.get(key)), ""), message
        for item in value.values():
            yield from _messages(item, depth + 1)


def _conditions(value: Any, depth: int) -> Iterator[Document]:
    """Every condition at any place of a status."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            yield from _conditions(item, depth + 1)
    elif isinstance(value, dict):
        if value.get("phase") in _ENDED_BADLY and isinstance(value.get("message"), str):
            yield {"type": "Succeeded", "status": "False", "message": value["message"]}
        for key, item in value.items():
            if key.endswith("onditions") and isinstance(item, list):
                yield from (found for found in item if isinstance(found, dict) and "type" in found)
            elif key in _HEALTHS and isinstance(item, list):
                yield from (found for part in item if isinstance(part, dict) and (found := _of_health(part)))
            elif key == "admissionChecks" and isinstance(item, list):
                yield from (_of_check(found) for found in item if isinstance(found, dict))
            else:
                yield from _conditions(item, depth + 1)


def _of_health(part: Document) -> Document | None:
    """What Argo CD says of one object that it keeps, as a condition."""
    health = part.get("health", part)
    if not isinstance(health, dict) or health.get("status") not in ("Degraded", "SyncFailed"):
        return None
    return {"type": "Healthy", "status": "False", "message": str(health.get("message", ""))}


def _of_check(check: Document) -> Document:
    """What Kueue asked another controller before it admits a workload, as a condition."""
    status = "False" if check.get("state") in ("Retry", "Rejected") else "True"
    return {**check, "type": "AdmissionCheck", "status": status}


def _is_bad(condition: Document) -> bool:
    wrong_when_true = _WRONG_WHEN_TRUE.match(str(condition.get("type", ""))) is not None
    return (str(condition.get("status", "")) == "True") == wrong_when_true


def _is_well(value: Document) -> bool:
    """Whether a condition, or Kueue's check before it admits a workload, has nothing to complain of."""
    return ({"type", "status"} <= value.keys() and not _is_bad(value)) or value.get("state") == "Ready"


def _event(
    about: dict[str, str], namespace: str, reason: str, message: str, source: str, condition: Document
) -> Document:
    seen = condition.get("lastTransitionTime")
    return {
        "kind": "Event",
        "metadata": {"namespace": namespace},
        "involvedObject": {**{key: value for key, value in about.items() if value}, "namespace": namespace},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": source},
        **({"lastTimestamp": seen} if isinstance(seen, str) else {}),
    }
