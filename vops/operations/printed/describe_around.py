"""What `kubectl describe` prints of the objects around pods: autoscalers, Services, DaemonSets, and KEDA's own kind.

Kinds that kubectl does not know are printed field by field, with their names taken apart (`Scale Target Ref`) and the
items of a list below each other without a mark: an item ends where a key comes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vops.model.network import SERVICE_LABEL
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_outline import Entry

Document = dict[str, Any]

_COLUMNS = lazy_pattern(r"\s{2,}")
_METRIC = lazy_pattern(
    r'(?:"(?P<name>[^"]{1,253})"|resource (?P<resource>\S{1,63}))(?P<on> on \S{1,253})?\s*'
    r"(?:\((?P<target>[^)]{1,60})\))?:\s*(?P<current><unknown>|[^\s/]{1,60})(?: \([^)]{1,40}\))? / (?P<wanted>\S{1,60})"
)
_PODS = lazy_pattern(r"(\d{1,6}) current / (\d{1,6}) desired")
_PORT = lazy_pattern(r"(?P<name>\S{1,63})\s+(?P<port>\d{1,5})/(?P<protocol>\w{3,5})")
_LISTS = frozenset(
    {"triggers", "conditions", "externalMetricNames", "parents", "parent", "schedulingConditions", "admissionChecks"}
)


def autoscaler(entries: Entry) -> Document:
    """The spec and the status of a HorizontalPodAutoscaler."""
    kind, _, name = entries.value("Reference").partition("/")
    pods = next((match for item in entries.below if (match := _PODS.match(item.value_text))), None)
    lines = (match for item in entries.under("Metrics") if (match := _METRIC.match(item.text)))
    metrics = [_metric(**{key: value or "" for key, value in match.groupdict().items()}) for match in lines]
    return {
        "spec": {
            "scaleTargetRef": {"kind": kind, "name": name},
            "minReplicas": _whole(entries.value("Min replicas"), 1),
            "maxReplicas": _whole(entries.value("Max replicas"), 0),
            "metrics": [spec for spec, _ in metrics],
        },
        "status": {
            "currentReplicas": int(pods[1]) if pods else 0,
            "desiredReplicas": int(pods[2]) if pods else 0,
            "currentMetrics": [now for _, now in metrics if now],
            "conditions": _table(entries.under("Conditions")),
        },
    }


def _metric(*, name: str, resource: str, on: str, target: str, current: str, wanted: str) -> tuple[Document, Document]:
    """One metric as the spec has it, and its present value as the status has it (nothing while it is unknown)."""
    now = "" if current == "<unknown>" else current
    if resource:
        percent = wanted.rstrip("%")
        spec = {"name": resource, "target": {"type": "Utilization", "averageUtilization": _whole(percent, 0)}}
        value = {"averageUtilization": _whole(now.rstrip("%"), 0)}
        return {"type": "Resource", "resource": spec}, _now("Resource", {"name": resource}, value if now else {})
    field = "value" if target == "target value" else "averageValue"
    kind = "Pods" if on.strip() == "on pods" else "Object" if on else "External"
    asked = {"metric": {"name": name}, "target": {"type": field[:1].upper() + field[1:], field: wanted}}
    return {"type": kind, kind.lower(): asked}, _now(kind, {"metric": {"name": name}}, {field: now} if now else {})


def _now(kind: str, named: Document, value: Document) -> Document:
    return {"type": kind, kind.lower(): {**named, "current": value}} if value else {}


def _table(entries: Iterable[Entry]) -> list[Document]:
    """Rows of `Type Status Reason Message`, without the heading."""
    rows = ([*_COLUMNS.split(item.text, 3), "", "", ""] for item in entries)
    names = ("type", "status", "reason", "message")
    found = (dict(zip(names, row, strict=False)) for row in rows)
    return [item for item in found if item["status"] in ("True", "False", "Unknown")]


def service(entries: Entry) -> Document:
    """The spec of a Service; every port has its own three lines."""
    ports: list[Document] = []
    for item in entries.below:
        match = _PORT.match(item.value_text) if item.key == "Port" else None
        if match is not None:
            name = "" if match["name"] == "<unset>" else match["name"]
            ports.append({"name": name, "port": int(match["port"]), "protocol": match["protocol"]})
        elif item.key == "TargetPort" and ports:
            target = item.value_text.partition("/")[0]
            ports[-1]["targetPort"] = int(target) if target.isdigit() else target
    pairs = (item.partition("=") for item in entries.value("Selector").split(",") if "=" in item)
    return {
        "spec": {
            "selector": {key.strip(): value.strip() for key, _, value in pairs},
            "ports": ports,
            "type": entries.value("Type") or "ClusterIP",
            "clusterIP": entries.value("IP"),
            "sessionAffinity": entries.value("Session Affinity") or "None",
        }
    }


def addresses(kind: str, entries: Entry) -> Iterator[Document]:
    """That a Service has no address, where its description says so; which ones it has is not taken from there."""
    told = [item.value_text for item in entries.below if item.key == "Endpoints"] if kind == "Service" else []
    if told and not any(text.strip("<>") not in ("", "none") for text in told):
        labels = {SERVICE_LABEL: entries.value("Name")}
        meta = {"name": entries.value("Name"), "namespace": entries.value("Namespace"), "labels": labels}
        yield {"kind": "EndpointSlice", "metadata": meta, "endpoints": []}


def daemonset_status(entries: Entry) -> Document:
    """How many pods a DaemonSet wants and has."""
    return {
        "desiredNumberScheduled": _whole(entries.value("Desired Number of Nodes Scheduled"), 0),
        "currentNumberScheduled": _whole(entries.value("Current Number of Nodes Scheduled"), 0),
        "numberReady": _whole(entries.value("Number of Nodes Scheduled with Available Pods"), 0),
        "numberMisscheduled": _whole(entries.value("Number of Nodes Misscheduled"), 0),
    }


def scaled_object(entries: Entry) -> Document:
    """The annotations, the spec and the status of a ScaledObject."""
    notes = (line.partition(": ") for line in entries.lines("Annotations"))
    spec, status = (tree(entries.find(key) or Entry()) for key in ("Spec", "Status"))
    whole = {name: int(text) for name, text in spec.items() if isinstance(text, str) and text.isdigit()}
    counts = ("originalReplicaCount", "pausedReplicaCount")
    kept = {name: value for name, value in status.items() if name in ("conditions", "hpaName", "externalMetricNames")}
    return {
        "annotations": {key: value for key, separator, value in notes if separator},
        "spec": {**spec, **whole},
        "status": kept | {name: int(status[name]) for name in counts if str(status.get(name, "")).isdigit()},
    }


def conditions(entries: Entry) -> list[Any]:
    """The conditions anywhere in an outline, or those that it consists of."""
    lists = [_items(item) for item in entries.all("Conditions")] or [_items(_from_a_whole_one(entries))]
    return [item for found in lists for item in found if isinstance(item, dict) and {"type", "status"} <= item.keys()]


def _from_a_whole_one(entries: Entry) -> Entry:
    """Conditions without the last line of one of which the rest was not copied: kubectl sorts their fields."""
    found = Entry()
    cut = len(entries.below) > 1 and entries.below[0].key == "Type" and entries.below[1].key < "Type"
    found.below = entries.below[1:] if cut else entries.below
    return found


def admission_checks(entries: Entry) -> list[Any]:
    """What Kueue asked other controllers about a workload, anywhere in an outline."""
    return [item for entry in entries.all("Admission Checks") for item in _items(entry)]


def tree(entry: Entry) -> Document:
    """The fields below an entry, by the names that the API has for them."""
    found: Document = {}
    for item in entry.below:
        name = _field(item.key)
        if not item.key or item.value_text in ("<nil>", "<none>"):
            continue
        if not item.below:
            found[name] = item.value_text
        elif name in _LISTS:
            found[name] = _items(item)
        else:
            found[name] = tree(item)
    return found


def _items(entry: Entry) -> list[Any]:
    if not any(item.key for item in entry.below):
        return [item.text for item in entry.below]
    parts: list[Entry] = []
    for item in entry.below:
        if not parts or any(other.key == item.key for other in parts[-1].below):
            parts.append(Entry())
        parts[-1].below.append(item)
    return [tree(part) for part in parts]


def _field(words: str) -> str:
    """`Scale Target Ref` as `scaleTargetRef`; what is one word as it is, but for its first letter."""
    joined = "".join(word[:1].upper() + word[1:] for word in words.split(" "))
    return "apiVersion" if joined == "APIVersion" else joined[:1].lower() + joined[1:]


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else otherwise
