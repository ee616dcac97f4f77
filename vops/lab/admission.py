"""Admission of new pods that depends on other objects: priority classes and quotas, in upstream's words.

Leaves out webhooks, PodSecurity and LimitRanges. Sources: k8s.io/kubernetes plugin/pkg/admission/priority and
k8s.io/apiserver's resourcequota plugin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from vops.lab import statuses
from vops.lab.controllers.placement import Amounts, amounts, requests_of
from vops.lab.documents import Document

if TYPE_CHECKING:
    from vops.lab.store import Store

_BUILT_IN = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_FINISHED = ("Succeeded", "Failed")
_CRITICAL = (
    "insufficient quota to match these scopes: [{PriorityClass In [system-node-critical system-cluster-critical]}]"
)


class Admission:
    """Looks at every pod before it is stored.

    `guards_critical`: critical classes are for kube-system only, unless a quota of the namespace allows them (GKE).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.guards_critical = False

    def admit(self, document: Document) -> None:
        """Fills in the priority. Raises ApiError 403 for what a quota or a missing class forbids."""
        if document["kind"] != "Pod":
            return
        self._prioritise(document)
        name = document["spec"].get("priorityClassName", "")
        namespace = document["metadata"]["namespace"]
        quotas = self._store.list("v1", "ResourceQuota", namespace)
        if self.guards_critical and name in _BUILT_IN and namespace != "kube-system" and not quotas:
            raise _forbidden(document, _CRITICAL, plain=True)
        for quota in quotas:
            self._count(document, quota)

    def _prioritise(self, pod: Document) -> None:
        spec = pod["spec"]
        name = spec.get("priorityClassName")
        if not name:
            return
        found = self._store.find("scheduling.k8s.io/v1", "PriorityClass", "", name)
        if found is None and name not in _BUILT_IN:
            raise _forbidden(pod, f"no PriorityClass with name {name} was found")
        spec["priority"] = found["value"] if found else _BUILT_IN[name]
        if found and "preemptionPolicy" in found:
            spec["preemptionPolicy"] = found["preemptionPolicy"]

    def _count(self, pod: Document, quota: Document) -> None:
        hard = quantities(quota["spec"]["hard"])
        used, asked = self.used(quota), dict(_counted(pod, hard))
        over = [name for name, amount in asked.items() if amount and used[name] + amount > hard[name]]
        if over:
            shown = [_written(over, values) for values in (asked, used, hard)]
            why = "exceeded quota: {}, requested: {}, used: {}, limited: {}"
            raise _forbidden(pod, why.format(quota["metadata"]["name"], *shown))

    def used(self, quota: Document) -> Amounts:
        """What the pods of a quota's namespace take of it."""
        hard = quantities(quota["spec"]["hard"])
        total = dict.fromkeys(hard, 0)
        for pod in self._store.list("v1", "Pod", quota["metadata"]["namespace"]):
            if pod.get("status", {}).get("phase") not in _FINISHED:
                for name, amount in _counted(pod, hard):
                    total[name] += amount
        return total


def quantities(hard: Mapping[str, str]) -> Amounts:
    """The amounts of a quota by its own names (`requests.nvidia.com/gpu`, `pods`)."""
    named = {name: amounts({_resource(name): text}) for name, text in hard.items()}
    return {name: next(iter(values.values())) for name, values in named.items()}


def _counted(pod: Document, hard: Amounts) -> Iterator[tuple[str, int]]:
    """What a pod takes, by the names of a quota."""
    requests = requests_of(pod)
    for name in hard:
        yield name, 1 if name == "pods" else requests.get(_resource(name), 0)


def _resource(name: str) -> str:
    return name.removeprefix("requests.")


def _written(names: list[str], values: Amounts) -> str:
    return ",".join(f"{name}={written(name, values[name])}" for name in names)


def written(name: str, amount: int) -> str:
    """An amount as the API server writes it: cores in thousandths where they are not whole, memory in MiB."""
    if _resource(name) == "cpu":
        return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"
    if _resource(name) in ("memory", "ephemeral-storage"):
        return f"{amount >> 20}Mi" if amount % (1 << 30) else f"{amount >> 30}Gi"
    return str(amount)


def _forbidden(pod: Document, why: str, *, plain: bool = False) -> statuses.ApiError:
    name = pod["metadata"].get("name", "")
    if plain:
        return statuses.ApiError(403, "Forbidden", why, {"name": name, "kind": "pods"})
    return statuses.forbidden(group="", resource="pods", name=name, why=why)
