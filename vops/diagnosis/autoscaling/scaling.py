"""What an autoscaler looks at, and what it makes of it: the HPA controller's arithmetic, done again.

A signal is one metric of an HPA with the KEDA trigger behind it. Sources: Kubernetes' pkg/controller/podautoscaler
(replica_calculator.go) and KEDA's pkg/scaling and controllers/keda, 2.8 to 2.20.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from vops.diagnosis.autoscaling.queries import Aggregate, aggregate
from vops.diagnosis.findings import Evidence
from vops.diagnosis.subjects import ScalerFacts
from vops.model.objects import Condition
from vops.model.patterns import lazy_pattern
from vops.model.quantities import quantity
from vops.model.scaling import HorizontalPodAutoscaler, ScaledObject, ScaledObjectTrigger
from vops.model.snapshot import QueryAnswer
from vops.model.text import one_line

KEDA_MOST = 100
"""KEDA's maxReplicaCount where none is given."""

TOLERANCE = 0.1
"""The HPA controller leaves the number alone while usage is this close to the target (its default)."""

_PAUSED, _PAUSED_AT = "autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"
_PAUSED_OUT = "autoscaling.keda.sh/paused-scale-out"
_TRIGGER = lazy_pattern(r"s(\d+)-", re.ASCII)
_LONGEST = 400


class Signal(msgspec.Struct, frozen=True):
    """One metric that decides the number of replicas.

    `shared`: the metric is a total that the replicas share out among them (AverageValue of an external metric), so that
    `target` is each one's part and `current` what each has now. Else both are of the same measure as the metric.
    """

    name: str
    where: str
    shared: bool
    target: float | None
    current: float | None = None
    query: str = ""
    trigger: int | None = None

    @property
    def shape(self) -> Aggregate | None:
        return aggregate(self.query) if self.query else None

    def wanted(self, replicas: int) -> int | None:
        """How many replicas it asks for when there are so many now; None while its value is not known."""
        if self.current is None or not self.target or replicas <= 0:
            return None
        ratio = self.current / self.target
        return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(round(ratio * replicas, 6))


def signals(scaler: ScalerFacts) -> tuple[Signal, ...]:
    """Every metric of an autoscaler, those of the HPA first; triggers alone where there is no HPA (yet)."""
    found = tuple(_of_hpa(scaler)) if scaler.hpa is not None else ()
    seen = {item.trigger for item in found}
    scaled = scaler.scaled_object
    triggers = enumerate(scaled.spec.triggers) if scaled is not None else ()
    return (*found, *(_of_trigger(index, item) for index, item in triggers if index not in seen))


def _of_hpa(scaler: ScalerFacts) -> Iterable[Signal]:
    hpa = scaler.hpa
    if hpa is None:
        return
    current = {(_kind(item), _metric_name(item)): item for item in hpa.status.current_metrics if item}
    triggers = scaler.scaled_object.spec.triggers if scaler.scaled_object else ()
    for index, item in enumerate(hpa.spec.metrics):
        name, kind = _metric_name(item), _kind(item)
        target = _part(item).get("target") or {}
        value, shared = _target(target), kind in ("external", "object") and "averageValue" in target
        now = _part(current[kind, name]).get("current") or {} if (kind, name) in current else {}
        match = _TRIGGER.match(name)
        trigger = int(match[1]) if match and int(match[1]) < len(triggers) else None
        query = triggers[trigger].metadata.get("query", "") if trigger is not None else ""
        yield Signal(name, f"spec.metrics[{index}]", shared, value, _value(now, target), query, trigger)


def _of_trigger(index: int, trigger: ScaledObjectTrigger) -> Signal:
    """KEDA asks for an AverageValue unless told."""
    shared = trigger.type not in ("cpu", "memory") and trigger.metric_type in ("", "AverageValue")
    target = _number(trigger.metadata.get("threshold"))
    query = trigger.metadata.get("query", "")
    return Signal(f"s{index}-{trigger.type}", f"spec.triggers[{index}]", shared, target, None, query, index)


def _kind(metric: dict[str, Any]) -> str:
    kind = str(metric.get("type", ""))
    return kind[:1].lower() + kind[1:]


def _part(metric: dict[str, Any]) -> dict[str, Any]:
    return metric.get(_kind(metric)) or {}


def _metric_name(metric: dict[str, Any]) -> str:
    part = _part(metric)
    return str((part.get("metric") or {}).get("name") or part.get("name") or "")


def _target(target: dict[str, Any]) -> float | None:
    for key in ("averageValue", "value", "averageUtilization"):
        if key in target:
            return _number(target[key])
    return None


def _value(current: dict[str, Any], target: dict[str, Any]) -> float | None:
    """The present value in the measure of the target."""
    for key in ("averageValue", "value", "averageUtilization"):
        if key in target:
            return _number(current.get(key))
    return None


def _number(text: object) -> float | None:
    try:
        return None if text is None else float(quantity(str(text)))
    except ValueError:
        return None


def answer(scaler: ScalerFacts, query: str) -> QueryAnswer | None:
    """What Prometheus answered to a query; None when it was not asked."""
    return next((item for item in scaler.facts.snapshot.queries if query and item.query == query), None)


def is_empty(found: QueryAnswer | None) -> bool:
    """Whether Prometheus answered, and had no series."""
    return found is not None and not found.error and not found.series


# --- limits and switches ----------------------------------------------------------------------------------


def most_replicas(scaler: ScalerFacts) -> int:
    """The number that it never goes above."""
    if scaler.scaled_object is not None:
        most = scaler.scaled_object.spec.max_replica_count
        return KEDA_MOST if most is None else most
    return scaler.hpa.spec.max_replicas if scaler.hpa else 0


def least_replicas(scaler: ScalerFacts) -> int:
    """The number that it never goes below while it works; 0 where it may scale to nothing."""
    scaled = scaler.scaled_object
    if scaled is None:
        return scaler.hpa.spec.min_replicas if scaler.hpa else 0
    idle = scaled.spec.idle_replica_count
    return idle if idle is not None else scaled.spec.min_replica_count or 0


def paused_by(scaled: ScaledObject) -> str:
    """The annotation that keeps KEDA from scaling up; empty when none does. What is no boolean counts as true."""
    notes = scaled.metadata.annotations
    if _PAUSED_AT in notes:
        return _PAUSED_AT
    return next((name for name in (_PAUSED, _PAUSED_OUT) if name in notes and not _is_false(notes[name])), "")


def paused_at(scaled: ScaledObject) -> int | None:
    """The number of replicas that a pause holds; None when it holds whatever was there."""
    text = scaled.metadata.annotations.get(_PAUSED_AT, "").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _is_false(text: str) -> bool:
    return text in ("0", "f", "F", "false", "FALSE", "False")


# --- in words ---------------------------------------------------------------------------------------------


def named(scaler: ScalerFacts) -> str:
    return f"{scaler.ref.kind} {scaler.name}"


def target_named(scaler: ScalerFacts) -> str:
    return f"{scaler.target.kind.lower()}/{scaler.target.name}" if scaler.target.name else "its target"


def why(scaler: ScalerFacts) -> str:
    """The arithmetic behind the number that is wanted; empty while no value is known."""
    replicas = scaler.hpa.status.current_replicas if scaler.hpa else 0
    said = [(item.wanted(replicas), item) for item in signals(scaler)]
    known = [(wanted, item) for wanted, item in said if wanted is not None]
    if not known:
        return ""
    wanted, signal = max(known, key=lambda entry: entry[0])
    return f"{in_words(signal, replicas)}, which asks for {wanted}"


def in_words(signal: Signal, replicas: int) -> str:
    """`s0-prometheus is 27 in all where each replica is to have 5`."""
    if signal.current is None or signal.target is None:
        return f"the value of {signal.name} is not known"
    if signal.shared:
        total = signal.current * max(replicas, 1)
        return f"{signal.name} is {total:g} in all where each replica is to have {signal.target:g}"
    return f"{signal.name} is {signal.current:g} where {signal.target:g} is the target"


def condition(item: HorizontalPodAutoscaler | ScaledObject, found: Condition) -> Evidence:
    """A condition of an autoscaler: its status, reason and message."""
    kind = "hpa" if isinstance(item, HorizontalPodAutoscaler) else "scaledobject"
    said = ": ".join(word for word in (found.status, found.reason, found.message) if word)
    return Evidence(kind, f"{item.metadata.name} status.conditions[{found.type}]", one_line(said, _LONGEST))


def field_of(scaler: ScalerFacts, path: str, observed: object, expected: str = "") -> Evidence:
    """A field of the object that a user edits."""
    kind = "scaledobject" if scaler.scaled_object is not None else "hpa"
    return Evidence(kind, f"{scaler.name} {path}", one_line(str(observed), _LONGEST), expected)


def edit(scaler: ScalerFacts) -> str:
    """Where to change it."""
    kind = "scaledobject" if scaler.scaled_object is not None else "hpa"
    return f"Edit it: kubectl -n {scaler.namespace} edit {kind}/{scaler.name}"
