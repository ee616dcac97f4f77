"""An autoscaler cannot work on its target: it is not there, cannot be scaled, or belongs to another one.

What it finds
    A ScaledObject whose check failed, or an HPA that cannot read or write the scale of its target, or whose target's
    pods other HPAs select too.

Why it matters
    It is as good as switched off, and the workload keeps the replicas it has.

Evidence
    The condition with the controller's own words, the target as it is written, and the workloads that there are.

Fix
    `fix-scale-target` where the target is not there and another workload of the namespace has nearly its name, or is
    the only one; else by hand. Which of two autoscalers is to stay is for their owners to say.
"""

from __future__ import annotations

from difflib import get_close_matches

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.facts import ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.objects import Condition

_CANNOT = frozenset({"FailedGetScale", "FailedUpdateScale"})
_SELECTORS = frozenset({"InvalidSelector", "AmbiguousSelector", "SelectorRequired"})
_TARGET_WORDS = ("scaleTargetRef", "Target resource", "replicas count for ScaleTarget", "is already managed by")


@rule(cause="autoscaler-paused", branch=Branch.SCALE, of=ScalerFacts, order=12)
def autoscaler_target(scaler: ScalerFacts) -> Verdict | None:
    found = _said(scaler)
    if found is None:
        return None
    evidence, condition = found
    return Verdict(
        summary=f"{scaling.named(scaler)} cannot scale {scaling.target_named(scaler)}: {_what(scaler, condition)}",
        evidence=(evidence, scaling.field_of(scaler, "spec.scaleTargetRef", scaling.target_named(scaler))),
        confidence=Confidence.CERTAIN if scaler.workload is None else Confidence.STRONG,
        fixes=(_fix(scaler, condition),),
    )


def _said(scaler: ScalerFacts) -> tuple[Evidence, Condition] | None:
    scaled, hpa = scaler.scaled_object, scaler.hpa
    ready = scaled.condition("Ready") if scaled is not None else None
    if scaled is not None and ready is not None and ready.status == "False" and _about_target(ready):
        return scaling.condition(scaled, ready), ready
    if hpa is None:
        return None
    for type_, reasons in (("AbleToScale", _CANNOT), ("ScalingActive", _SELECTORS)):
        condition = hpa.condition(type_)
        if condition is not None and condition.status == "False" and condition.reason in reasons:
            return scaling.condition(hpa, condition), condition
    return None


def _about_target(ready: Condition) -> bool:
    said = ready.reason in ("ScaledObjectCheckFailed", "ErrorGettingCurrentReplicas")
    return said and any(word in ready.message for word in _TARGET_WORDS)


def _what(scaler: ScalerFacts, condition: Condition) -> str:
    if condition.reason == "AmbiguousSelector":
        return "another HPA controls the same pods"
    if condition.reason in ("InvalidSelector", "SelectorRequired"):
        return "it has no usable selector of pods"
    if scaler.workload is None and ("not found" in condition.message or not nearest(scaler)):
        return "there is no such workload"
    if "already managed by" in condition.message:
        return "another autoscaler manages it"
    if "not found" in condition.message or "doesn't have correct scaleTargetRef" in condition.message:
        return "there is no such workload, or it cannot be scaled"
    return "its scale cannot be read" if condition.reason != "FailedUpdateScale" else "its scale cannot be written"


def _is_not_there(condition: Condition) -> bool:
    """Whether the target is said to be missing, and not only to be out of sight."""
    return any(word in condition.message for word in ("not found", "correct scaleTargetRef", "Target resource"))


def nearest(scaler: ScalerFacts) -> str:
    """The workload of the same namespace whose name is most like the target's, as `kind/name`; empty without one."""
    here = [item for item in scaler.facts.workloads if item.namespace == scaler.namespace]
    names = {item.name: f"{item.ref.kind}/{item.name}" for item in here}
    alike = get_close_matches(scaler.target.name, names, n=1, cutoff=0.5)
    return names[alike[0]] if alike else next(iter(names.values())) if len(names) == 1 else ""


def _fix(scaler: ScalerFacts, condition: Condition) -> Fix:
    if condition.reason == "AmbiguousSelector" or "already managed by" in condition.message:
        list_them = f"kubectl -n {scaler.namespace} get hpa,scaledobject"
        return remedies.advice(
            "Leave one autoscaler for the workload", list_them, "Remove (delete) the one that is not meant."
        )
    near = nearest(scaler) if scaler.workload is None else ""
    kind, _, name = near.partition("/")
    if name and _is_not_there(condition):
        params = {"kind": kind, "name": name}
        return remedies.of_object(
            "fix-scale-target", f"Let it scale {kind} {name}", Applicability.ASK, scaler.ref, params
        )
    meant = f"Set spec.scaleTargetRef to {near}." if near else "Set spec.scaleTargetRef to the workload that is meant."
    return remedies.advice(
        "Name the workload that is to be scaled",
        scaling.edit(scaler),
        meant + " apiVersion and kind must be those of an object with a /scale subresource.",
    )
