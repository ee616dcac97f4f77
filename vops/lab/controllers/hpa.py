"""The HorizontalPodAutoscaler controller, for external metrics, with upstream's arithmetic and words.

Every 15 s in a live lab, every minute while its past is made. Leaves out resource and object metrics (they are
reported as failing to be fetched, as without metrics-server), and behaviors: scaling down waits five minutes.
Source: k8s.io/kubernetes pkg/controller/podautoscaler (horizontal.go, replica_calculator.go).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, controller_of, key_of
from vops.lab.controllers.keda import API, TriggerError, is_paused
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.model.quantities import quantity

if TYPE_CHECKING:
    from vops.lab.world import World

_SYNC_S, _PAST_S = 15.0, 60.0
_TOLERANCE = 0.1
_STABILIZED_S = 300.0
_KIND = ("autoscaling/v2", "HorizontalPodAutoscaler")
_Words = tuple[str, str, str]


class _NoMetric(Exception):
    """The metric could not be fetched; the text is the HPA's."""


class HpaController(Controller):
    """Scales Deployments by the metrics that KEDA serves."""

    name = "horizontal-pod-autoscaler"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._recommended: dict[Key, list[tuple[float, int]]] = {}

    def notice(self, change: Change) -> None:
        if change.kind.kind == "HorizontalPodAutoscaler" and change.type == "ADDED":
            self.mark(change.key)

    def reconcile(self, key: Key) -> None:
        hpa = self.store.find(*_KIND, *key)
        if hpa is None:
            return
        self._sync(hpa)
        self.mark_after(_SYNC_S if self.world.live else _PAST_S, key)

    def _sync(self, hpa: Document) -> None:
        namespace = hpa["metadata"]["namespace"]
        workload = self.store.find("apps/v1", "Deployment", namespace, hpa["spec"]["scaleTargetRef"]["name"])
        if workload is None:
            what = f'deployments.apps "{hpa["spec"]["scaleTargetRef"]["name"]}" not found'
            found = f"the HPA controller was unable to get the target's current scale: {what}"
            self._report(hpa, {"AbleToScale": ("False", "FailedGetScale", found)}, 0, 0, None)
            self.world.events.record(hpa, "Warning", "FailedGetScale", what, by=self.name)
            return
        replicas = workload["spec"]["replicas"]
        if replicas == 0:
            why = "scaling is disabled since the replica count of the target is zero"
            self._report(hpa, {"AbleToScale": _GOT, "ScalingActive": ("False", "ScalingDisabled", why)}, 0, 0, None)
            return
        try:
            wanted, current = self._wanted(hpa, workload)
        except _NoMetric as error:
            self._fail(hpa, replicas, str(error))
            return
        self._scale(hpa, workload, wanted, current)

    def _fail(self, hpa: Document, replicas: int, why: str) -> None:
        message = f"the HPA was unable to compute the replica count: {why}"
        self._report(hpa, {"AbleToScale": _GOT, "ScalingActive": ("False", _FAILED, message)}, replicas, replicas, None)
        self.world.events.record(hpa, "Warning", _FAILED, why, by=self.name)
        invalid = (
            f"invalid metrics (1 invalid out of {len(hpa['spec'].get('metrics', ()))}), first error is: failed to get "
        )
        text = f"{invalid}{_metric(hpa)} external metric value: failed to get {_metric(hpa)} external metric: {why}"
        self.world.events.record(hpa, "Warning", "FailedComputeMetricsReplicas", text, by=self.name)

    # --- arithmetic ---------------------------------------------------------------------------------------

    def _wanted(self, hpa: Document, workload: Document) -> tuple[int, Document]:
        """How many replicas the first metric asks for, and its value as the status has it. Raises _NoMetric."""
        metrics: list[Document] = hpa["spec"].get("metrics", [])
        external = metrics[0].get("external") if metrics else None
        if external is None:
            raise _NoMetric("unable to get its metrics: no metrics returned from that metrics API")
        value, target = self._value(hpa), external["target"]
        replicas = workload["spec"]["replicas"]
        if "averageValue" in target:
            goal = float(quantity(target["averageValue"]))
            ratio = value / (goal * replicas)
            wanted = replicas if abs(ratio - 1) <= _TOLERANCE else ceil(round(value / goal, 6))
            now = {"averageValue": _milli(value / replicas)}
        else:
            goal = float(quantity(target["value"]))
            ratio = value / goal
            ready = workload.get("status", {}).get("readyReplicas", 0) or replicas
            wanted = replicas if abs(ratio - 1) <= _TOLERANCE else ceil(round(ratio * ready, 6))
            now = {"value": _milli(value)}
        return wanted, {"type": "External", "external": {"metric": external["metric"], "current": now}}

    def _value(self, hpa: Document) -> float:
        """The sum of the external metric, as KEDA's metrics API serves it."""
        owner = controller_of(hpa)
        scaled = owner and self.store.find(API, "ScaledObject", hpa["metadata"]["namespace"], owner["name"])
        where = f"unable to get external metric {hpa['metadata']['namespace']}/{_metric(hpa)}/{_selector(hpa)}"
        if not scaled:
            raise _NoMetric(f"{where}: unable to fetch metrics from external metrics API: no metrics returned")
        try:
            return self.world.keda.value(scaled, 0)
        except TriggerError as error:
            what = f"error when getting metric values metric:{_metric(hpa)} encountered error"
            api = "unable to fetch metrics from external metrics API"
            raise _NoMetric(f"{where}: {api}: rpc error: code = Unknown desc = {what}") from error

    def _scale(self, hpa: Document, workload: Document, wanted: int, current: Document) -> None:
        spec, replicas = hpa["spec"], workload["spec"]["replicas"]
        settled = self._stabilized(key_of(hpa), wanted)
        desired = max(spec.get("minReplicas", 1), min(spec["maxReplicas"], settled, max(4, 2 * replicas)))
        conditions = {
            "AbleToScale": _SAME if desired == replicas else _rescaled(desired),
            "ScalingActive": ("True", "ValidMetricFound", f"{_VALID}{_metric(hpa)}({_selector(hpa)})"),
            "ScalingLimited": _limited(wanted, desired, spec),
        }
        if desired != replicas and not self._paused(hpa):
            changed = copy_of(workload)
            changed["spec"]["replicas"] = desired
            self.store.update(changed, manager="kube-controller-manager")
            above = "above" if desired > replicas else "below"
            said = f"New size: {desired}; reason: external metric {_metric(hpa)}({_selector(hpa)}) {above} target"
            self.world.events.record(hpa, "Normal", "SuccessfulRescale", said, by=self.name)
        self._report(hpa, conditions, replicas, desired, current)

    def _stabilized(self, key: Key, wanted: int) -> int:
        """The largest recommendation of the last five minutes."""
        recent = [item for item in self._recommended.get(key, ()) if self.world.now - item[0] < _STABILIZED_S]
        self._recommended[key] = [*recent, (self.world.now, wanted)]
        return max(number for _, number in self._recommended[key])

    def _paused(self, hpa: Document) -> bool:
        owner = controller_of(hpa)
        scaled = owner and self.store.find(API, "ScaledObject", hpa["metadata"]["namespace"], owner["name"])
        return bool(scaled) and is_paused(scaled or {})

    # --- status -------------------------------------------------------------------------------------------

    def _report(
        self, hpa: Document, said: dict[str, _Words], replicas: int, desired: int, current: Document | None
    ) -> None:
        now = timestamp(self.world.clock.now())
        before = {item["type"]: item for item in hpa.get("status", {}).get("conditions", ())}
        conditions = []
        for type_, (status, reason, message) in said.items():
            old = before.get(type_)
            since = old["lastTransitionTime"] if old and old["status"] == status else now
            words = {"type": type_, "status": status, "reason": reason, "message": message}
            conditions.append(words | {"lastTransitionTime": since})
        status_: Document = {"currentReplicas": replicas, "desiredReplicas": desired, "conditions": conditions}
        status_["currentMetrics"] = [current] if current else None
        if desired != replicas:
            status_["lastScaleTime"] = now
        self.store.patch_status(*_KIND, *key_of(hpa), status_, manager="kube-controller-manager")


_FAILED = "FailedGetExternalMetric"
_GOT: _Words = ("True", "SucceededGetScale", "the HPA controller was able to get the target's current scale")
_SAME: _Words = ("True", "ReadyForNewScale", "recommended size matches current size")
_VALID = "the HPA was able to successfully calculate a replica count from external metric "


def _rescaled(desired: int) -> _Words:
    return "True", "SucceededRescale", f"the HPA controller was able to update the target scale to {desired}"


def _limited(wanted: int, desired: int, spec: Document) -> _Words:
    if wanted > spec["maxReplicas"]:
        return "True", "TooManyReplicas", "the desired replica count is more than the maximum replica count"
    if wanted < spec.get("minReplicas", 1):
        return "True", "TooFewReplicas", "the desired replica count is less than the minimum replica count"
    if wanted > desired:
        return "True", "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
    return "False", "DesiredWithinRange", "the desired count is within the acceptable range"


def _metric(hpa: Document) -> str:
    return str(_asked(hpa).get("name", "its"))


def _asked(hpa: Document) -> Document:
    """The name and selector of its first metric, of whatever type."""
    first: Document = next(iter(hpa["spec"].get("metrics", ())), {})
    found: Document = next((part["metric"] for part in first.values() if isinstance(part, dict)), {})
    return found


def _selector(hpa: Document) -> str:
    """As Go prints the selector of a metric."""
    labels = _asked(hpa).get("selector", {}).get("matchLabels", {})
    listed = "".join(f"{name}: {value}," for name, value in labels.items())
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{listed}}},MatchExpressions:[]LabelSelectorRequirement{{}},}}"
    )


def _milli(value: float) -> str:
    """A quantity as the API server writes it: thousandths where it is not whole."""
    return str(int(value)) if value == int(value) else f"{round(value * 1000)}m"
