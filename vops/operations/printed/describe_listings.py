"""Tables of what stands around pods, as `kubectl get` prints them: autoscalers, endpoints, claims, Knative's kinds.

A row becomes an object or an event where it says by itself that something is wrong, and has said so for longer than it
takes to settle; all other rows say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import seconds
from vops.operations.printed.operator_sentences import BY_REASON
from vops.operations.printed.provisioning_tables import autoscaler_status, node_claim, node_pool

Document = dict[str, Any]
Row = dict[str, str]

_SETTLED_S = 300
_TOLERATED = 1.1
"""How far a metric may be from its target before the HPA acts."""

_HEADER = lazy_pattern(r"^ {0,12}(?:NAMESPACE +)?NAME +[A-Z].*$", re.MULTILINE)
_WORD = lazy_pattern(r"\S+(?: \S+)*")
_SPACES = lazy_pattern(r"\s{2,}|\t+")
_TARGET = lazy_pattern(
    r"(?<![\w.])(?P<current>\d[\d.]{0,20})(?P<unit>[mkMG%]|)/(?P<wanted>\d[\d.]{0,20})(?P<of>[mkMG%]|)(?![\w.])"
)
_SCALES = {"": 1.0, "%": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
_LATE = ("ProgressDeadlineExceeded", "InitialScaleNeverAchieved")
_MISSED = lazy_pattern(
    r"\b503\b|curl: \((?:7|28|52|56)\)|connection refused"
    r"|no (?:healthy )?(?:upstream|endpoint|backend)|\bnever (?:scal|wak|start|com)"
    r"|n(?:o|')t (?:scal|wak|start|com)"
    r"|(?:stay|remain|stuck|sit)\w{0,3} (?:at |on )?(?:zero|0)\b|won't (?:scal|start)",
    re.IGNORECASE,
)
"""What somebody says who misses the servers of a workload that has none."""

_PLUGIN = lazy_pattern(r"(?:nvdp-)?nvidia-device-plugin(?:-daemonset)?|amdgpu-device-plugin(?:-daemonset)?")
_GPUS_MISSED = lazy_pattern(
    r"[Ii]nsufficient nvidia|no (?:gpu|nvidia)|(?:not|n't|never) (?:show|see|detect|advertis|find|schedul|start"
    r"|install|creat)"
    r"|\b(?:stuck|missing|pending)\b",
    re.IGNORECASE,
)
"""What somebody says who misses GPUs; a cluster whose GPU nodes are scaled to zero has such rows as well."""

_FALLS_BACK = "At least one trigger is falling back on this scaled object"
_NO_ADDRESS = "UpstreamUnavailable"
_COMING = lazy_pattern(r"WaitForFirstConsumer|first consumer")


def listings(text: str) -> Iterator[Document]:
    """The objects and events that the rows which complain amount to; of what is watched the last row counts."""
    yield from autoscaler_status(text)
    yield from _without_what_follows(list(_read_rows(text)))


def _without_what_follows(found: list[Document]) -> list[Document]:
    """What rows amount to; a Service has no addresses where its workload has no replica."""
    at_zero = any(item["kind"] == "Deployment" for item in found)
    return [item for item in found if not (at_zero and item.get("reason") == _NO_ADDRESS)]


def _read_rows(text: str) -> Iterator[Document]:
    named = ((columns, row) for columns, row in _rows(text) if "NAME" in row)
    for columns, row in {(columns, row["NAME"]): (columns, row) for columns, row in named}.values():
        reader = next((read for needed, read in _READERS if needed <= columns), None)
        if reader is not None:
            yield from reader(row, text)


def _rows(text: str) -> Iterator[tuple[frozenset[str], Row]]:
    """Every row below a header of a table, by the names of its columns."""
    columns: list[tuple[str, int]] = []
    for line in text.expandtabs().splitlines():
        if _HEADER.match(line):
            columns = [(match[0], match.start()) for match in _WORD.finditer(line)]
        elif not line.strip():
            columns = []
        elif columns and (row := _row(line, columns)) is not None:
            yield frozenset(row), row


def _row(line: str, columns: list[tuple[str, int]]) -> Row | None:
    """The cells of a row: by the spaces between them, or where the columns begin if some are empty."""
    names = [name for name, _ in columns]
    cells = _SPACES.split(line.strip())
    if len(cells) != len(names):
        ends = [start for _, start in columns[1:]] + [len(line)]
        cells = [line[start:end].strip() for (_, start), end in zip(columns, ends, strict=True)]
        if any(" " * 2 in cell for cell in cells) or not cells[0]:
            return None
    return dict(zip(names, cells, strict=True))


def _settled(row: Row) -> bool:
    return (seconds(row.get("AGE", "")) or 0) >= _SETTLED_S


def _hpa(row: Row, text: str) -> Iterator[Document]:
    """One that has no value for its metric, or that asks for more than its maximum."""
    condition: Document = {}
    if "<unknown>" in row["TARGETS"] and _settled(row) and row["REPLICAS"] != "0":
        said = f"unable to get metric: TARGETS {row['TARGETS']}"
        condition = {"type": "ScalingActive", "status": "False", "reason": "FailedGetMetric", "message": said}
    elif row["REPLICAS"] == row["MAXPODS"] and _asks_for_more(row["TARGETS"]):
        said = f"the desired replica count is more than the maximum replica count: TARGETS {row['TARGETS']}"
        condition = {"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas", "message": said}
    if condition and row["REPLICAS"].isdecimal() and row["MAXPODS"].isdecimal():
        kind, _, name = row["REFERENCE"].partition("/")
        replicas = int(row["REPLICAS"])
        yield {
            **_object("HorizontalPodAutoscaler", row),
            "spec": {"maxReplicas": int(row["MAXPODS"]), "scaleTargetRef": {"kind": kind, "name": name}},
            "status": {"currentReplicas": replicas, "desiredReplicas": replicas, "conditions": [condition]},
        }


def _asks_for_more(targets: str) -> bool:
    """Whether one of its metrics is above its target: each is in a unit of its own."""
    found = (match for match in _TARGET.finditer(targets) if (match["unit"] == "%") == (match["of"] == "%"))
    return any(
        _amount(item["current"], item["unit"]) > _amount(item["wanted"], item["of"]) * _TOLERATED for item in found
    )


def _amount(digits: str, unit: str) -> float:
    return float(digits) * _SCALES[unit] if digits.count(".") <= 1 else 0.0


def _at_zero(row: Row, text: str) -> Iterator[Document]:
    """A Deployment that is meant to have no replica, where somebody misses them."""
    if row["READY"] == "0/0" and _MISSED.search(text):
        container = {"name": "vllm", "command": ["vllm", "serve"]}
        spec = {"replicas": 0, "template": {"spec": {"containers": [container]}}}
        yield {**_object("Deployment", row), "spec": spec}


def _scaled_object(row: Row, text: str) -> Iterator[Document]:
    if (row.get("MIN"), row["ACTIVE"], row["READY"]) == ("0", "False", "True") and _MISSED.search(text):
        condition = {"type": "Active", "status": "False", "reason": "ScalerNotActive", "message": "ACTIVE False"}
        target = {"kind": row["SCALETARGETKIND"].rpartition(".")[2], "name": row.get("SCALETARGETNAME", "")}
        spec = {"scaleTargetRef": target, "minReplicaCount": 0}
        yield {**_object("ScaledObject", row), "spec": spec, "status": {"conditions": [condition]}}
        return
    condition = {"type": "Paused", "status": "True", "reason": "ScaledObjectPaused", "message": "PAUSED True"}
    if row.get("PAUSED") != "True":
        condition = {"type": "Ready", "status": "False", "reason": "TriggerError", "message": "READY False"}
    falls_back = row.get("FALLBACK") == "True" and row["READY"] != "False" and row.get("PAUSED") != "True"
    if falls_back:
        condition = {"type": "Fallback", "status": "True", "reason": "FallbackExists", "message": _FALLS_BACK}
    if row["READY"] == "False" or row.get("PAUSED") == "True" or falls_back:
        target = {"kind": row["SCALETARGETKIND"].rpartition(".")[2], "name": row.get("SCALETARGETNAME", "")}
        spec, status = {"scaleTargetRef": target}, {"conditions": [condition]}
        yield {**_object("ScaledObject", row), "spec": spec, "status": status}


def _endpoints(row: Row, text: str) -> Iterator[Document]:
    if row["ENDPOINTS"] in ("<none>", "<unset>"):
        yield _event("Ingress", row, _NO_ADDRESS, f"no endpoints available for service {row['NAME']}")


def _claim(row: Row, text: str) -> Iterator[Document]:
    """One that has waited for long; one that waits for a pod says so, and is not at fault."""
    if row["STATUS"] not in ("Pending", "Lost") or not _settled(row) or _COMING.search(text):
        return
    yield {
        **_object("PersistentVolumeClaim", row),
        "spec": {"storageClassName": row["STORAGECLASS"]},
        "status": {"phase": row["STATUS"]},
    }
    yield _event("PersistentVolumeClaim", row, "FailedBinding", f"{row['STATUS']} for {row['AGE']}: no volume is bound")


def _daemons(row: Row, text: str) -> Iterator[Document]:
    """A device plugin without pods where somebody misses GPUs, or an exporter of GPU metrics that has none beside
    others or whose are not ready.

    Google's clusters have a plugin for each size and image, most of them idle: those have other names.
    """
    desired, ready = row["DESIRED"], row["READY"]
    if _PLUGIN.fullmatch(row["NAME"]) and desired == "0" and _settled(row) and _GPUS_MISSED.search(text):
        message = f"{row['NAME']}: DESIRED 0, node selector {row.get('NODE SELECTOR', '')}"
        yield _event("ClusterPolicy", row, "GpuStackNotReady", message)
    if "dcgm-exporter" not in row["NAME"] or not (desired + ready).isdigit() or not _settled(row):
        return
    elsewhere = any(int(match[1]) for match in _DESIRED.finditer(text)) or len(_DESIRED.findall(text)) == 1
    if int(ready) < int(desired) or (desired == "0" and elsewhere):
        selector = dict(item.split("=", 1) for item in row.get("NODE SELECTOR", "").split(",") if "=" in item)
        status = {"desiredNumberScheduled": int(desired), "numberReady": int(ready)}
        template = {"spec": {"nodeSelector": selector, "containers": [{"name": "exporter"}]}}
        yield {**_object("DaemonSet", row), "spec": {"template": template}, "status": status}


def _knative(row: Row, text: str) -> Iterator[Document]:
    if row["READY"] == "False" and row["REASON"] in _LATE:
        message = f'Deployment "{row["NAME"]}" has timed out progressing.'
        yield _event("Deployment", row, "ProgressDeadlineExceeded", message)
    elif row["READY"] == "False" and row["REASON"] == "RevisionMissing":
        yield _event("Ingress", row, "NoRevision", f"{row['NAME']} has no revision that is ready")
    elif row["READY"] == "Unknown" and row["REASON"] == "IngressNotConfigured":
        yield _event("Ingress", row, "NoController", "Ingress has not yet been reconciled")


def _external_secret(row: Row, text: str) -> Iterator[Document]:
    if row["READY"] == "False" and row["STATUS"] in BY_REASON:
        reason, kind = BY_REASON[row["STATUS"]]
        yield _event(kind, row, reason, f"ExternalSecret {row['NAME']}: {row['STATUS']}, store {row['STORE']}")


def _gateway(row: Row, text: str) -> Iterator[Document]:
    if row["PROGRAMMED"] in ("Unknown", "False") and _settled(row):
        reason = "NoController" if row["PROGRAMMED"] == "Unknown" else "AddressNotAssigned"
        message = f"PROGRAMMED {row['PROGRAMMED']} for {row['AGE']}, class {row['CLASS']}"
        yield _event("Gateway", row, reason, message)


def _api_service(row: Row, text: str) -> Iterator[Document]:
    if row["AVAILABLE"].startswith("False") and row["NAME"].endswith(".metrics.k8s.io"):
        message = f"unable to fetch metrics from {row['NAME']}: AVAILABLE {row['AVAILABLE']} ({row['SERVICE']})"
        yield _event("HorizontalPodAutoscaler", row, "FailedGetMetric", message)


def _cluster_policy(row: Row, text: str) -> Iterator[Document]:
    if row["STATUS"] == "notReady":
        yield _event("ClusterPolicy", row, "GpuStackNotReady", f"{row['NAME']}: STATUS notReady")


def _object(kind: str, row: Row) -> Document:
    return {"kind": kind, "metadata": {"name": row["NAME"].rpartition("/")[2], "namespace": row.get("NAMESPACE", "")}}


def _event(kind: str, row: Row, reason: str, message: str) -> Document:
    about = {"kind": kind, **_object(kind, row)["metadata"]}
    return {"kind": "Event", "involvedObject": about, "type": "Warning", "reason": reason, "message": message}


_DESIRED = lazy_pattern(
    r"^ {0,12}[a-z0-9.-]{1,253}(?: +[a-z0-9.-]{1,253})? +(\d{1,6})(?: +\d{1,6}){4} +\S", re.MULTILINE
)
"""A row of a table of DaemonSets."""

_READERS: tuple[tuple[frozenset[str], Callable[[Row, str], Iterator[Document]]], ...] = (
    (frozenset({"TYPE", "ZONE", "NODE", "READY", "AGE"}), node_claim),
    (frozenset({"NODECLASS", "READY", "AGE"}), node_pool),
    (frozenset({"REFERENCE", "TARGETS", "MAXPODS", "REPLICAS"}), _hpa),
    (frozenset({"SCALETARGETKIND", "READY", "ACTIVE"}), _scaled_object),
    (frozenset({"DESIRED", "CURRENT", "READY", "AVAILABLE"}), _daemons),
    (frozenset({"READY", "UP-TO-DATE", "AVAILABLE"}), _at_zero),
    (frozenset({"ENDPOINTS", "AGE"}), _endpoints),
    (frozenset({"STATUS", "STORAGECLASS", "AGE"}), _claim),
    (frozenset({"READY", "REASON"}), _knative),
    (frozenset({"STORE", "STATUS", "READY"}), _external_secret),
    (frozenset({"SERVICE", "AVAILABLE", "AGE"}), _api_service),
    (frozenset({"NAME", "STATUS", "AGE"}), _cluster_policy),
    (frozenset({"CLASS", "PROGRAMMED", "AGE"}), _gateway),
)
"""The first whose columns a table has reads it."""
