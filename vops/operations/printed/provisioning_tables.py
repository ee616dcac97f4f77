"""What autoscalers of nodes print in tables and texts: Karpenter's NodeClaims and NodePools, and the status of the
Cluster Autoscaler.

A row says how far a machine has come, by which of its cells are filled; it counts once it is late. Why, no table tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import seconds

Document = dict[str, Any]
Row = dict[str, str]

_LATE_S = 600
"""How long a machine takes to join at most, before Karpenter or the Cluster Autoscaler has doubts."""

_STATUS = lazy_pattern(r"^(?:Cluster-autoscaler status at |autoscalerStatus: )", re.MULTILINE)
_GROUPS = lazy_pattern(r"^(?:NodeGroups|nodeGroups):", re.MULTILINE)
_NAME = "cluster-autoscaler-status"


def node_claim(row: Row, text: str) -> Iterator[Document]:
    """A machine that the cloud has not launched, or that has not become a node, for long."""
    age = seconds(row["AGE"]) or 0
    if row["READY"] == "True" or row["NODE"] or age < _LATE_S:
        return
    now = datetime.now(UTC)
    then, launched = (now - timedelta(seconds=age)).isoformat(), bool(row["TYPE"])
    stages = [_condition("Launched", launched, "LaunchFailed", "no instance was launched", then)]
    if launched:
        stages.append(_condition("Registered", False, "NodeNotFound", "Node not registered with cluster", then))
    stages.append(_condition("Ready", False, "ReconcilingDependents", f"READY {row['READY']}", now.isoformat()))
    yield {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": row["NAME"], "creationTimestamp": then},
        "status": {"conditions": stages},
    }


def _condition(kind: str, done: bool, reason: str, message: str, since: str) -> Document:
    told = {"reason": kind, "message": ""} if done else {"reason": reason, "message": message}
    return {"type": kind, "status": "True" if done else "Unknown", "lastTransitionTime": since, **told}


def node_pool(row: Row, text: str) -> Iterator[Document]:
    """A pool that makes no nodes, for its NodeClass is not ready or its launches fail."""
    if row["READY"] != "False":
        return
    said = {"type": "NodeClassReady", "status": "False", "reason": "NodeClassNotReady", "message": "READY False"}
    yield {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": row["NAME"]},
        "status": {"conditions": [said]},
    }


def autoscaler_status(text: str) -> Iterator[Document]:
    """The ConfigMap of the Cluster Autoscaler, of which somebody copied the text alone."""
    begins = _STATUS.search(text)
    if begins is not None and _GROUPS.search(text) is not None:
        yield {"kind": "ConfigMap", "metadata": {"name": _NAME}, "data": {"status": text[begins.start() :]}}
