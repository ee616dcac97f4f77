"""The pods/eviction subresource: a deletion that PodDisruptionBudgets are asked about first.

A real server reads `status.disruptionsAllowed`, which a controller keeps; here it is counted when somebody asks.
"""

from __future__ import annotations

import math
from typing import Any

from vops.lab import statuses
from vops.lab.calls import Call
from vops.lab.documents import Document
from vops.lab.objects import Objects
from vops.lab.store import Store


def evict(store: Store, objects: Objects, call: Call, body: Document) -> tuple[int, Document]:
    """Deletes the pod. Raises ApiError 429 where a budget does not allow it."""
    pod = store.record(call.served, call.namespace, call.name).document
    for budget in store.list("policy/v1", "PodDisruptionBudget", call.namespace):
        if _selects(budget, pod) and _allowed(store, budget) < 1:
            raise _refused(budget)
    objects.delete(call, {**(body.get("deleteOptions") or {}), **({"dryRun": ["All"]} if call.dry_run else {})})
    return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _selects(budget: Document, pod: Document) -> bool:
    wanted = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def _allowed(store: Store, budget: Document) -> int:
    """How many of the pods that a budget selects may be disrupted now."""
    pods = [pod for pod in store.list("v1", "Pod", budget["metadata"]["namespace"]) if _selects(budget, pod)]
    healthy = sum(_is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in pods)
    spec = budget["spec"]
    if "maxUnavailable" in spec:
        return healthy - (len(pods) - _count(spec["maxUnavailable"], len(pods)))
    return healthy - _count(spec.get("minAvailable", 0), len(pods))


def _count(amount: Any, total: int) -> int:
    """A number, or a percentage of the pods, rounded up as the disruption controller does."""
    return math.ceil(total * int(amount[:-1]) / 100) if str(amount).endswith("%") else int(amount)


def _is_ready(pod: Document) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _refused(budget: Document) -> statuses.ApiError:
    name = budget["metadata"]["name"]
    why = "Cannot evict pod as it would violate the pod's disruption budget."
    cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {name} does not allow it"}
    return statuses.ApiError(429, "TooManyRequests", why, {"causes": [cause]})
