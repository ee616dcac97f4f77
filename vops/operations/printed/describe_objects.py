"""The objects that `kubectl describe` prints, from their outline to documents as the API would have sent them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from vops.diagnosis.placement.scheduler_text import SKIPPED
from vops.model.patterns import lazy_pattern
from vops.operations.printed import describe_around
from vops.operations.printed.describe_containers import containers, statuses
from vops.operations.printed.describe_events import seconds
from vops.operations.printed.describe_outline import Entry, moment

Document = dict[str, Any]

_COLUMNS = lazy_pattern(r"\s{2,}")
_TAINT = lazy_pattern(r"(?P<key>[^=:\s]{1,320})(?:=(?P<value>[^:\s]{0,63}))?:(?P<effect>\w{1,20})")
_TOLERATION = lazy_pattern(
    r"(?P<key>[^=:\s]{0,320})(?:=(?P<value>[^:\s]{1,63}))?(?::(?P<effect>\w{1,20}))?(?P<exists> op=Exists)?"
    r"(?: for (?P<seconds>\d{1,9})s)?"
)
_LASTS = lazy_pattern(r"Terminating \(lasts ([\w]{2,20})\)")
_SHUT_DOWN = ("Terminated", "NodeShutdown", "Shutdown")
"""Why a kubelet ends a pod as its node shuts down; Kubernetes 1.22 left the phase of such a pod as it was."""

_REPLICAS = lazy_pattern(r"(\d{1,6}) (desired|updated|total|available|unavailable|current)")
_ROLLING = lazy_pattern(r"(\S{1,10}) max (unavailable|surge)")
_UNSCHEDULED = ("FailedScheduling", "Unschedulable", "FilteringFailed")
"""What the schedulers that there are call a refusal."""


_OTHERS = (".knative.dev",)
"""API groups whose Service is another one than Kubernetes' own."""


def kind_of(entries: Entry) -> str:
    """Which kind of object an outline describes; empty for one that vops has no use for."""
    keys = {item.key for item in entries.below}
    if entries.value("Kind") in _READERS:
        others = entries.value("API Version").partition("/")[0].endswith(_OTHERS)
        return "" if others else entries.value("Kind")
    return next((kind for kind, wanted in _SIGNS if wanted <= keys), "")


def document_of(kind: str, entries: Entry, events: list[Document], at: datetime) -> Document:
    """The object itself, with what its events add to it."""
    return {"kind": kind, **_READERS[kind](entries, events, at)}


def _meta(entries: Entry) -> Document:
    owner, _, name = entries.value("Controlled By").partition("/")
    created = moment(entries.value("CreationTimestamp") or entries.value("Start Time"))
    found: Document = {
        "name": entries.value("Name"),
        "namespace": entries.value("Namespace"),
        "labels": _pairs(entries.lines("Labels")),
    }
    if name:
        found["ownerReferences"] = [{"kind": owner, "name": name, "controller": True}]
    if created is not None:
        found["creationTimestamp"] = created.isoformat()
    return found


def _pairs(lines: Iterable[str]) -> dict[str, str]:
    parted = (line.partition("=") for line in lines)
    return {key.strip(): value.strip() for key, equals, value in parted if equals}


def custom_object(entries: Entry) -> list[Document]:
    """An object of a kind that vops does not read, with its status alone: what its conditions say."""
    kind, status = entries.value("Kind"), entries.find("Status")
    if not kind or status is None or not status.below:
        return []
    version = entries.value("API Version")
    return [{"apiVersion": version, "kind": kind, "metadata": _meta(entries), "status": describe_around.tree(status)}]


# --- pods -------------------------------------------------------------------------------------------------


def _pod(entries: Entry, events: list[Document], at: datetime) -> Document:
    meta, phase = _meta(entries), entries.value("Status")
    lasts = _LASTS.match(phase)
    if lasts is not None:
        meta["deletionTimestamp"] = (at - timedelta(seconds=seconds(lasts[1]) or 0)).isoformat()
        phase = "Running"
    oldest = min((item["firstTimestamp"] for item in events if "firstTimestamp" in item), default=None)
    if oldest is not None:
        meta.setdefault("creationTimestamp", oldest)
    started = moment(entries.value("Start Time"))
    if _tells_only_events(entries, events):
        return {"metadata": meta, "spec": _pod_spec(entries), "status": {}}
    return {
        "metadata": meta,
        "spec": _pod_spec(entries) | {"nodeName": _node_of(entries)},
        "status": {
            "phase": "Failed" if entries.value("Reason") in _SHUT_DOWN else phase.partition(" ")[0],
            "reason": entries.value("Reason"),
            "message": entries.value("Message"),
            "podIP": entries.value("IP"),
            "nominatedNodeName": entries.value("NominatedNodeName"),
            "conditions": _conditions(entries, events),
            "containerStatuses": statuses(entries.under("Containers")),
            "initContainerStatuses": statuses(entries.under("Init Containers")),
        }
        | ({"startTime": started.isoformat()} if started is not None else {}),
    }


def _tells_only_events(entries: Entry, events: list[Document]) -> bool:
    """Whether somebody cut out what a pod's status is, so that its events alone tell how it stands."""
    told = any(entries.find(key) is not None for key in ("Node", "Conditions", "Reason"))
    return bool(events) and not told and not any(entries.all("State"))


def _node_of(entries: Entry) -> str:
    """The node of a pod: where somebody left the line out, a container that has a state was given to some kubelet."""
    left_out = entries.find("Node") is None and any(entries.all("State"))
    return "unknown" if left_out else entries.value("Node").partition("/")[0]


def _pod_spec(entries: Entry) -> Document:
    return {
        "containers": containers(entries.under("Containers")) or [{"name": "vllm"}],
        "initContainers": containers(entries.under("Init Containers")),
        "volumes": [_volume(item) for item in entries.under("Volumes")],
        "nodeSelector": _pairs(entries.lines("Node-Selectors")),
        "tolerations": [_toleration(line) for line in entries.lines("Tolerations")],
        "priorityClassName": entries.value("Priority Class Name"),
        "runtimeClassName": entries.value("Runtime Class Name"),
        "serviceAccountName": entries.value("Service Account"),
    }


def _conditions(entries: Entry, events: list[Document]) -> list[Document]:
    """The conditions of a pod, with the scheduler's words, which the text has in an event only."""
    found: list[Document] = []
    for item in entries.under("Conditions"):
        name, _, status = item.text.partition(" ")
        if status.strip() in ("True", "False", "Unknown"):
            found.append({"type": name, "status": status.strip()})
    said = [item for item in events if item["reason"] in _UNSCHEDULED]
    said = [item for item in said if not item["source"]["component"].startswith("karpenter")]
    said = [item for item in said if not item["message"].startswith(SKIPPED)]
    for condition in found:
        if condition["type"] == "PodScheduled" and condition["status"] == "False" and said:
            condition |= {"reason": "Unschedulable", "message": said[-1]["message"]}
    return found


def _toleration(line: str) -> Document:
    match = _TOLERATION.fullmatch(" " + text if (text := line.strip()).startswith("op=Exists") else text)
    if match is None:
        return {"key": line}
    found: Document = {
        "key": match["key"] or "",
        "operator": "Exists" if match["exists"] or not match["value"] else "Equal",
        "value": match["value"] or "",
        "effect": match["effect"] or "",
    }
    return found | ({"tolerationSeconds": int(match["seconds"])} if match["seconds"] else {})


def _volume(entry: Entry) -> Document:
    name, kind = entry.key, entry.value("Type").partition(" ")[0]
    reader = _VOLUMES.get(kind)
    return {"name": name} | ({reader[0]: reader[1](entry)} if reader is not None else {})


def _empty_dir(entry: Entry) -> Document:
    found = {"medium": entry.value("Medium"), "sizeLimit": entry.value("SizeLimit")}
    return {key: value for key, value in found.items() if value}


_VOLUMES: dict[str, tuple[str, Callable[[Entry], Document]]] = {
    "EmptyDir": ("emptyDir", _empty_dir),
    "HostPath": ("hostPath", lambda entry: {"path": entry.value("Path"), "type": entry.value("HostPathType")}),
    "PersistentVolumeClaim": ("persistentVolumeClaim", lambda entry: {"claimName": entry.value("ClaimName")}),
    "Secret": ("secret", lambda entry: {"secretName": entry.value("SecretName")}),
    "ConfigMap": ("configMap", lambda entry: {"name": entry.value("Name")}),
    "NFS": ("nfs", lambda entry: {"server": entry.value("Server"), "path": entry.value("Path")}),
    "CSI": ("csi", lambda entry: {"driver": entry.value("Driver")}),
    "Projected": ("projected", lambda entry: {}),
}


# --- nodes, claims, workloads -----------------------------------------------------------------------------


def _node(entries: Entry, _: list[Document], at: datetime) -> Document:
    taints = [match for line in entries.lines("Taints") if (match := _TAINT.fullmatch(line)) is not None]
    return {
        "metadata": _meta(entries) | {"namespace": ""},
        "spec": {
            "taints": [{"key": item["key"], "value": item["value"] or "", "effect": item["effect"]} for item in taints],
            "unschedulable": entries.value("Unschedulable") == "true",
            "providerID": entries.value("ProviderID"),
        },
        "status": {
            "capacity": _amounts(entries.under("Capacity")),
            "allocatable": _amounts(entries.under("Allocatable")),
            "conditions": [_node_condition(item.text) for item in entries.under("Conditions")[2:]],
            "nodeInfo": {
                "architecture": next((item.value_text for item in entries.all("Architecture")), ""),
                "kubeletVersion": next((item.value_text for item in entries.all("Kubelet Version")), ""),
            },
        },
    }


def _node_condition(line: str) -> Document:
    cells = [*_COLUMNS.split(line), "", "", "", "", "", ""]
    changed = moment(cells[3])
    found: Document = {"type": cells[0], "status": cells[1], "reason": cells[4], "message": cells[5]}
    return found | ({"lastTransitionTime": changed.isoformat()} if changed is not None else {})


def _amounts(entries: list[Entry]) -> dict[str, str]:
    return {item.key: item.value_text for item in entries if item.key and item.value_text}


def _claim(entries: Entry, _: list[Document], at: datetime) -> Document:
    storage_class = entries.value("StorageClass")
    spec: Document = {
        "volumeName": entries.value("Volume"),
        "accessModes": [_MODES.get(item, item) for item in entries.value("Access Modes").split(",") if item],
        "volumeMode": entries.value("VolumeMode") or "Filesystem",
    }
    capacity = {"storage": entries.value("Capacity")} if entries.value("Capacity") else {}
    return {
        "metadata": _meta(entries),
        "spec": spec | ({"storageClassName": storage_class} if storage_class else {}),
        "status": {"phase": entries.value("Status").partition(" ")[0], "capacity": capacity},
    }


_MODES = {"RWO": "ReadWriteOnce", "ROX": "ReadOnlyMany", "RWX": "ReadWriteMany", "RWOP": "ReadWriteOncePod"}


def _workload(entries: Entry, _: list[Document], at: datetime) -> Document:
    counts = {what: int(number) for number, what in _REPLICAS.findall(entries.value("Replicas"))}
    template = entries.find("Pod Template") or Entry()
    rolling = {
        f"max{what.title()}": amount for amount, what in _ROLLING.findall(entries.value("RollingUpdateStrategy"))
    }
    strategy = entries.value("StrategyType") or entries.value("Update Strategy")
    conditions = [_COLUMNS.split(item.text) for item in entries.under("Conditions")[2:]]
    return {
        "metadata": _meta(entries),
        "spec": {
            "replicas": counts.get("desired", 0),
            "selector": {"matchLabels": _pairs(entries.value("Selector").split(","))},
            "strategy": {"type": strategy} | ({"rollingUpdate": rolling} if rolling else {}),
            "template": {"metadata": {"labels": _pairs(template.lines("Labels"))}, "spec": _pod_spec(template)},
        },
        "status": {
            "replicas": counts.get("total", counts.get("current", 0)),
            "updatedReplicas": counts.get("updated", 0),
            "availableReplicas": counts.get("available", 0),
            "unavailableReplicas": counts.get("unavailable", 0),
            "conditions": [
                {"type": cells[0], "status": cells[1], "reason": cells[2]} for cells in conditions if len(cells) > 2
            ],
        },
    }


def _daemonset(entries: Entry, _: list[Document], at: datetime) -> Document:
    plain = _workload(entries, _, at)
    return {**plain, "status": describe_around.daemonset_status(entries)}


def _service(entries: Entry, _: list[Document], at: datetime) -> Document:
    return {"metadata": _meta(entries), **describe_around.service(entries)}


def _autoscaler(entries: Entry, _: list[Document], at: datetime) -> Document:
    return {"metadata": _meta(entries), **describe_around.autoscaler(entries)}


def _scaled_object(entries: Entry, _: list[Document], at: datetime) -> Document:
    found = describe_around.scaled_object(entries)
    meta = _meta(entries) | {"annotations": found.pop("annotations")}
    return {"metadata": meta, **found}


_SIGNS: tuple[tuple[str, set[str]], ...] = (
    ("DaemonSet", {"Desired Number of Nodes Scheduled"}),
    ("HorizontalPodAutoscaler", {"Reference", "Min replicas", "Max replicas"}),
    ("Service", {"Selector", "TargetPort", "Session Affinity"}),
    ("Service", {"Selector", "Endpoints", "Session Affinity"}),
    ("Node", {"Capacity", "Allocatable"}),
    ("Node", {"Roles", "Taints", "Unschedulable"}),
    ("PersistentVolumeClaim", {"StorageClass", "Access Modes", "Status"}),
    ("Deployment", {"StrategyType", "Replicas"}),
    ("StatefulSet", {"Update Strategy", "Pod Template"}),
    ("ReplicaSet", {"Replicas", "Pod Template", "Controlled By"}),
    ("Pod", {"Containers", "Node"}),
    ("Pod", {"Init Containers", "Node"}),
    ("Pod", {"Status", "Start Time", "Node"}),
    ("Pod", {"Status", "Containers"}),
    ("Pod", {"Status", "Init Containers"}),
    ("Pod", {"Namespace", "Containers"}),
)
_READERS: dict[str, Callable[[Entry, list[Document], datetime], Document]] = {
    "Pod": _pod,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "Deployment": _workload,
    "StatefulSet": _workload,
    "ReplicaSet": _workload,
    "DaemonSet": _daemonset,
    "HorizontalPodAutoscaler": _autoscaler,
    "Service": _service,
    "ScaledObject": _scaled_object,
}
