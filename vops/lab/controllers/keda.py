"""KEDA's operator: an HPA for every ScaledObject, its conditions, and the values of its triggers.

Prometheus triggers only. Leaves out fallbacks, formulas, caching and authentication. A workload is put to sleep and
woken by KEDA itself, where minReplicaCount is 0. Sources: kedacore/keda 2.20 (controllers/keda, pkg/scaling,
pkg/scalers/prometheus_scaler.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, key_of, owner_reference
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.lab.monitoring.promql import BadQuery
from vops.lab.store import Documents
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.world import World

API = "keda.sh/v1alpha1"
_POLL_S, _PAST_S = 30.0, 60.0
"""How often it asks in a live lab, and while the past is made."""
_COOLDOWN_S = 300.0
_READY = ("True", "ScaledObjectReady", "ScaledObject is defined correctly and is ready for scaling")
_ACTIVE = ("True", "ScalerActive", "Scaling is performed because triggers are active")
_IDLE = ("False", "ScalerNotActive", "Scaling is not performed because triggers are not active")
_FAILED = ("False", "TriggerError", "Triggers defined in ScaledObject are not working correctly")
_NO_FALLBACK = ("False", "NoFallbackFound", "No fallbacks are active on this scaled object")
_PAUSED = ("True", "ScaledObjectPaused", "ScaledObject is paused")
_NOT_PAUSED = ("False", "ScaledObjectUnpaused", "pause annotation removed for ScaledObject")
_PAUSE = ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas")


class TriggerError(Exception):
    """A trigger gives no value; the text is the scaler's."""


class Keda(Controller):
    """Looks at each ScaledObject every half minute."""

    name = "keda-operator"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._idle_since: dict[Key, float] = {}
        self._polls: dict[Key, Timer] = {}

    def notice(self, change: Change) -> None:
        if change.kind.kind == "ScaledObject" and change.type != "DELETED" and _is_new(change):
            self.mark(change.key)

    def reconcile(self, key: Key) -> None:
        scaled = self.store.find(API, "ScaledObject", *key)
        if scaled is None:
            return
        self._ensure_hpa(scaled)
        try:
            values = [self.value(scaled, index) for index in range(len(scaled["spec"]["triggers"]))]
        except TriggerError as error:
            self.world.events.record(scaled, "Warning", "KEDAScalerFailed", str(error), by=self.name)
            self._report(scaled, _FAILED, _IDLE, failing=True)
        else:
            active = any(value > 0 for value in values)
            self._report(scaled, _READY, _ACTIVE if active else _IDLE, failing=False)
            self._sleep_or_wake(scaled, active=active)
        if timer := self._polls.get(key):
            timer.cancel()
        self._polls[key] = self.world.after(_POLL_S if self.world.live else _PAST_S, lambda: self.mark(key))

    def value(self, scaled: Document, index: int) -> float:
        """What a trigger's query gives now; nothing counts as 0 unless told otherwise. Raises TriggerError."""
        metadata = scaled["spec"]["triggers"][index]["metadata"]
        self._reach(metadata["serverAddress"])
        try:
            found = self.world.prometheus.query(metadata["query"])
        except BadQuery as error:
            raise TriggerError(f"prometheus query api returned error. status: 400 response: {error}") from error
        if not found:
            if metadata.get("ignoreNullValues", "true") == "true":
                return 0.0
            raise TriggerError("prometheus metrics 'prometheus' target may be lost, the result is empty")
        if len(found) > 1:
            raise TriggerError(f"prometheus query {metadata['query']} returned multiple elements")
        return found[0].value

    def _reach(self, address: str) -> None:
        """Raises TriggerError when no Service has the name in an address of this cluster."""
        host = address.partition("://")[2].partition("/")[0].partition(":")[0]
        name, _, rest = host.partition(".")
        namespace = rest.partition(".")[0]
        if not self.world.prometheus.installed or self.store.find("v1", "Service", namespace, name) is None:
            lookup = f"dial tcp: lookup {host} on 10.96.0.10:53: no such host"
            raise TriggerError(f'Get "{address}/api/v1/query": {lookup}')

    # --- the HPA ------------------------------------------------------------------------------------------

    def _ensure_hpa(self, scaled: Document) -> None:
        namespace, name = key_of(scaled)
        spec = _hpa_spec(scaled)
        found = self.store.find("autoscaling/v2", "HorizontalPodAutoscaler", namespace, f"keda-hpa-{name}")
        if found is not None:
            if found["spec"] != spec:
                self.store.update(copy_of(found) | {"spec": spec}, manager=self.name)
            return
        metadata = {
            "name": f"keda-hpa-{name}",
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": self.name, "scaledobject.keda.sh/name": name},
            "ownerReferences": [owner_reference(scaled)],
        }
        document = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata}
        self.store.create(document | {"spec": spec}, manager=self.name)
        self.world.events.record(scaled, "Normal", "KEDAScalersStarted", "Started scalers watch", by=self.name)
        self.world.events.record(
            scaled, "Normal", "ScaledObjectReady", "ScaledObject is ready for scaling", by=self.name
        )

    def _sleep_or_wake(self, scaled: Document, *, active: bool) -> None:
        key, spec = key_of(scaled), scaled["spec"]
        if spec.get("minReplicaCount", 0) > 0 or is_paused(scaled):
            return
        workload = copy_of(self.store.get("apps/v1", "Deployment", key[0], spec["scaleTargetRef"]["name"]))
        replicas = workload["spec"]["replicas"]
        since = self._idle_since.setdefault(key, self.world.now)
        if active:
            del self._idle_since[key]
        if active is (replicas > 0) or (
            not active and self.world.now - since < spec.get("cooldownPeriod", _COOLDOWN_S)
        ):
            return
        workload["spec"]["replicas"] = 1 if active else 0
        self.store.update(workload, manager=self.name)

    def _report(
        self, scaled: Document, ready: tuple[str, str, str], active: tuple[str, str, str], *, failing: bool
    ) -> None:
        namespace, name = key_of(scaled)
        before = {item["type"]: item for item in scaled.get("status", {}).get("conditions", ())}
        paused = is_paused(scaled)
        wanted = {
            "Ready": ready,
            "Active": active,
            "Fallback": _NO_FALLBACK,
            "Paused": _PAUSED if paused else _NOT_PAUSED,
        }
        names = [metric_name(index) for index in range(len(scaled["spec"]["triggers"]))]
        now = timestamp(self.world.clock.now())
        status: Document = {
            "conditions": [_condition(before.get(type_), type_, *words, now) for type_, words in wanted.items()],
            "externalMetricNames": names,
            "hpaName": f"keda-hpa-{name}",
            "scaleTargetKind": "apps/v1.Deployment",
            "originalReplicaCount": 1,
            "health": {item: {"numberOfFailures": int(failing), "status": _health(failing)} for item in names},
        }
        if active is _ACTIVE:
            status["lastActiveTime"] = now
        self.store.patch_status(API, "ScaledObject", namespace, name, status, manager=self.name)


def _is_new(change: Change) -> bool:
    """Whether its spec, or what pauses it, is not what it was; its own status is no news."""
    if change.old is None:
        return True
    before, now = change.old.document, change.document
    notes = [item["metadata"].get("annotations") for item in (before, now)]
    return bool(before["spec"] != now["spec"] or notes[0] != notes[1])


def is_paused(scaled: Document) -> bool:
    notes: dict[str, str] = scaled["metadata"].get("annotations", {})
    return any(name in notes for name in _PAUSE)


def metric_name(index: int) -> str:
    return f"s{index}-prometheus"


def _health(failing: bool) -> str:
    return "Failing" if failing else "Happy"


def _condition(before: Document | None, type_: str, status: str, reason: str, message: str, now: str) -> Document:
    same = before is not None and before["status"] == status
    since = before["lastTransitionTime"] if before and same else now
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def _hpa_spec(scaled: Document) -> Document:
    spec, name = scaled["spec"], scaled["metadata"]["name"]
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec["scaleTargetRef"]["name"]},
        "minReplicas": max(1, spec.get("minReplicaCount", 0)),
        "maxReplicas": spec.get("maxReplicaCount", 100),
        "metrics": _metrics(spec["triggers"], name),
        "behavior": spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {}),
    }


def _metrics(triggers: Documents, name: str) -> Documents:
    found = []
    for index, trigger in enumerate(triggers):
        kind, threshold = trigger.get("metricType", "AverageValue"), trigger["metadata"]["threshold"]
        member = "averageValue" if kind == "AverageValue" else "value"
        selector = {"matchLabels": {"scaledobject.keda.sh/name": name}}
        metric = {"name": metric_name(index), "selector": selector}
        found.append({"type": "External", "external": {"metric": metric, "target": {"type": kind, member: threshold}}})
    return found
