"""One event in the forms in which people paste it: rows, parts of descriptions, JSON, its sentence alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

NAMES = {
    "Pod": "llama-7d9c4b8f6-x2x9z",
    "ReplicaSet": "llama-7d9c4b8f6",
    "StatefulSet": "llama",
    "Deployment": "llama",
    "Job": "llama-batch",
    "PersistentVolumeClaim": "model-cache",
    "Node": "gpu-node-1",
    "NodeClaim": "gpu-pool-x7k2p",
    "NodePool": "gpu-pool",
    "ConfigMap": "cluster-autoscaler-status",
    "HorizontalPodAutoscaler": "llama",
    "DaemonSet": "llama",
}
_NOWHERE = ("Node", "NodeClaim", "NodePool")
_WIDTH = 80
_CUT = (
    "Name:       {}\nNamespace:  default\nStatus:     Pending\nContainers:\n  vllm:\n"
    "    Image:  vllm/vllm-openai:v0.9.1\n"
)


class Row(NamedTuple):
    """A line of a table of messages: the causes that count as right, and the event."""

    truth: str
    kind: str
    reason: str
    type: str
    source: str
    message: str


def rows(text: str) -> list[Row]:
    """The rows of a table: cells parted by tabs, `\\n` for a line that ends within a message."""
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return [Row(*(cell.replace("\\n", "\n") for cell in cells)) for cells in lines]


def forms(row: Row) -> Iterator[tuple[str, str]]:
    """What is pasted, by the name of the form."""
    about = f"{row.kind.lower()}/{NAMES[row.kind]}"
    line = f"5m21s       {row.type:<9} {row.reason:<22} {about:<36} {row.message}\n"
    below = (
        "Events:\n  Type     Reason            Age                  From               Message\n"
        "  ----     ------            ----                 ----               -------\n"
        f"  {row.type:<8} {row.reason:<17} 3m21s (x5 over 5m)   {row.source}  {row.message}\n"
    )
    yield "table", f"LAST SEEN   TYPE      REASON                 OBJECT                               MESSAGE\n{line}"
    yield "line", line
    yield "below", below
    yield "sentence", f"{row.message}\n"
    yield (
        "prose",
        f"Our server does not come up, and the only thing I can find is:\n\n{row.message}\n\nWhat is missing?\n",
    )
    yield "broken line", _broken(line)
    yield "broken below", _broken(below)
    yield "commented", "".join(f"# {item}\n" for item in below.splitlines())
    yield "json", json.dumps({"kind": "List", "items": [_event(row)]}, indent=2)
    yield "newer", _newer(row)
    if row.kind == "Pod":
        described = _CUT.format(NAMES["Pod"]) + below
        yield "cut", described
        yield "moved out", "".join(f"{item.strip()}\n" for item in described.splitlines())


def _newer(row: Row) -> str:
    """As `kubectl get events.events.k8s.io -o yaml` prints it."""
    return (
        "apiVersion: events.k8s.io/v1\nkind: Event\nmetadata:\n  name: event.1\n  namespace: default\n"
        'deprecatedCount: 5\ndeprecatedLastTimestamp: "2026-06-01T10:05:00Z"\n'
        f"note: {json.dumps(row.message)}\nreason: {row.reason}\nregarding:\n  kind: {row.kind}\n"
        f"  name: {NAMES[row.kind]}\nreportingController: {row.source}\ntype: {row.type}\n"
    )


def _broken(text: str) -> str:
    """As a terminal of 80 columns shows it."""
    lines = text.splitlines()
    return "".join(f"{line[at : at + _WIDTH]}\n" for line in lines for at in range(0, max(len(line), 1), _WIDTH))


def _event(row: Row) -> dict[str, object]:
    namespace = {} if row.kind in _NOWHERE else {"namespace": "default"}
    return {
        "kind": "Event",
        "metadata": {"name": "event.1", "namespace": "default"},
        "involvedObject": {"kind": row.kind, "name": NAMES[row.kind], **namespace},
        "type": row.type,
        "reason": row.reason,
        "message": row.message,
        "source": {"component": row.source},
        "count": 5,
        "firstTimestamp": "2026-06-01T10:00:00Z",
        "lastTimestamp": "2026-06-01T10:05:00Z",
    }
