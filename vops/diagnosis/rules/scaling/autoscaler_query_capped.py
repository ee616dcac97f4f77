"""The query of an autoscaler cannot ask for as many replicas as it may have.

What it finds
    A trigger whose query is an average (or the extreme of a share or percentage), with the metric type AverageValue,
    KEDA's default. The HPA divides such a value by the threshold: avg(utilisation), at most 100, over a threshold of 70
    asks for at most 2 replicas. An average of a count does not grow with the number of replicas, so that it is divided
    twice. Queries that are sums, that have the metric type Value, or that KEDA combines by a formula are left alone.

Why it matters
    Nothing fails: the autoscaler says that it works, and the service stays small under any load.

Evidence
    The query, the threshold and the metric type; the largest number they can ask for, and the one that is allowed.

Fix
    `fix-scaling-query`, else by hand, at the trigger: metricType Value, or a sum instead of the average.
"""

from __future__ import annotations

import math
import re

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.autoscaling.queries import Aggregate
from vops.diagnosis.autoscaling.scaling import Signal
from vops.diagnosis.facts import ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule

_FULL = 0.9
"""From this share of the largest possible value on, the limit holds the service down now."""


@rule(cause="autoscaler-query-capped", branch=Branch.SCALE, of=ScalerFacts, order=40)
def autoscaler_query_capped(scaler: ScalerFacts) -> Verdict | None:
    scaled = scaler.scaled_object
    if scaled is None or (scaled.spec.advanced.get("scalingModifiers") or {}).get("formula"):
        return None
    capped = [(item, shape) for item in scaling.signals(scaler) if (shape := _capped(scaler, item)) is not None]
    if not capped or any(_unlimited(item) for item in scaling.signals(scaler)):
        return None
    signal, shape = max(capped, key=lambda entry: reach(*entry) or 0)
    return _says(scaler, signal, shape)


def reach(signal: Signal, shape: Aggregate) -> int | None:
    """The largest number of replicas that a bounded query can ask for; None when its metric has no bound."""
    if shape.most is None or not signal.target:
        return None
    return max(1, math.ceil(round(shape.most / signal.target, 6)))


def _capped(scaler: ScalerFacts, signal: Signal) -> Aggregate | None:
    shape = signal.shape
    if not signal.shared or shape is None or not signal.target:
        return None
    most = reach(signal, shape)
    if most is None:
        return shape if shape.average and scaling.most_replicas(scaler) > 1 else None
    return shape if most < scaling.most_replicas(scaler) else None


def _unlimited(signal: Signal) -> bool:
    """Whether a signal can ask for any number, so that another one's limit does not matter."""
    shape = signal.shape
    return not signal.shared or shape is None or (shape.operator == "sum" or not (shape.average or shape.most))


def _says(scaler: ScalerFacts, signal: Signal, shape: Aggregate) -> Verdict:
    most, allowed = reach(signal, shape), scaling.most_replicas(scaler)
    if most is None:
        says = f"divides an average by the threshold, so that its number hardly grows with the load (up to {allowed})"
        expected = "a sum, or metricType Value"
    else:
        says = f"can never ask for more than {most} of the {allowed} replicas that it may have"
        expected = f"at least {allowed} × {signal.target:g} reachable"
    division = f"at most {shape.most:g}" if shape.most is not None else "an average"
    where = f"spec.triggers[{signal.trigger}]"
    return Verdict(
        summary=f"{scaling.named(scaler)} {says}: {shape.operator}(…) is {division}, and each replica counts as "
        f"{signal.target:g} of it",
        evidence=(
            scaling.field_of(scaler, f"{where}.metadata.query", signal.query),
            scaling.field_of(scaler, f"{where}.metricType", "AverageValue", "Value"),
            scaling.field_of(scaler, f"{where}.metadata.threshold", f"{signal.target:g}", expected),
            scaling.field_of(scaler, "spec.maxReplicaCount", allowed),
        ),
        confidence=Confidence.CERTAIN,
        severity=Severity.ERROR if _holds_now(scaler, signal, shape) else Severity.WARNING,
        fixes=(_fix(scaler, signal, shape),),
    )


def _holds_now(scaler: ScalerFacts, signal: Signal, shape: Aggregate) -> bool:
    """Whether the query is at its largest now, with as many replicas as it can ask for."""
    replicas = scaler.hpa.status.current_replicas if scaler.hpa else 0
    if signal.current is None or shape.most is None or replicas <= 0:
        return False
    return signal.current * replicas >= _FULL * shape.most and replicas >= (reach(signal, shape) or 0)


def _fix(scaler: ScalerFacts, signal: Signal, shape: Aggregate) -> Fix:
    steps = [
        scaling.edit(scaler),
        f"Set spec.triggers[{signal.trigger}].metricType: Value (beside metadata, not in it): the HPA then asks for "
        f"ceil(replicas × value / {signal.target:g}).",
    ]
    if shape.most is None:
        summed = re.sub(r"^\s*avg\b", "sum", signal.query)
        steps.append(f"Or keep AverageValue with a sum, so that {signal.target:g} is what one replica is to have:")
        steps.append(f"query: {summed}")
    else:
        steps.append("Or follow the queue instead: sum(vllm:num_requests_waiting), AverageValue, threshold 3 to 5.")
    title = "Let the query ask for every replica that is allowed"
    if scaler.scaled_object is None or signal.trigger is None:
        return remedies.advice(title, *steps)
    params = {"trigger": signal.trigger, "metric_type": "Value"}
    return remedies.of_object("fix-scaling-query", title, Applicability.SAFE, scaler.ref, params, steps[1:])
