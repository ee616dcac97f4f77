"""An autoscaler is switched off: paused by an annotation, or forbidden to scale up.

What it finds
    KEDA's annotations paused, paused-replicas and paused-scale-out on a ScaledObject, its Paused condition, or an HPA
    whose behavior for scaling up is Disabled.

Why it matters
    KEDA deletes the HPA of a paused ScaledObject: nothing scales, whatever the load. Pauses are made for a maintenance
    and forgotten after it, so it is a warning.

Evidence
    The annotation or field with its value, the condition, and the number of replicas that it holds.

Fix
    `fix-paused-autoscaler`, else by hand: remove the annotation.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.facts import ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.scaling import ScaledObject


@rule(cause="autoscaler-paused", branch=Branch.SCALE, of=ScalerFacts, order=10)
def autoscaler_paused(scaler: ScalerFacts) -> Verdict | None:
    scaled = scaler.scaled_object
    if scaled is not None:
        note, condition = scaling.paused_by(scaled), scaled.condition("Paused")
        if note or (condition is not None and condition.status == "True"):
            return _paused(scaler, scaled, note)
    return _never_up(scaler)


def _paused(scaler: ScalerFacts, scaled: ScaledObject, note: str) -> Verdict:
    condition, held = scaled.condition("Paused"), scaling.paused_at(scaled)
    value = scaled.metadata.annotations.get(note, "")
    found: list[Evidence] = [scaling.field_of(scaler, f"metadata.annotations[{note}]", value)] if note else []
    if condition is not None and condition.status == "True":
        found.append(scaling.condition(scaled, condition))
    at = f" at {held} replicas" if held is not None else ""
    up = " for scaling up" if note.endswith("scale-out") else ""
    return Verdict(
        summary=f"{scaling.named(scaler)} is paused{up}{at}, so that {scaling.target_named(scaler)} does not follow "
        "its load",
        evidence=tuple(found),
        confidence=Confidence.CERTAIN,
        severity=Severity.ERROR if held == 0 else Severity.WARNING,
        fixes=(
            remedies.of_object(
                "fix-paused-autoscaler",
                "Take the pause away",
                Applicability.ASK,
                scaler.ref,
                {"pause": note.rpartition("/")[2] or "paused"},
                ("Ask whoever paused it first, and keep it so in the repository that it comes from.",),
            ),
        ),
    )


def _never_up(scaler: ScalerFacts) -> Verdict | None:
    """An HPA that may not scale up, by its own behavior or by the one that KEDA gives it."""
    scaled = scaler.scaled_object
    config = scaled.spec.advanced.get("horizontalPodAutoscalerConfig") or {} if scaled is not None else {}
    behavior = (config.get("behavior") if scaled is not None else scaler.hpa and scaler.hpa.spec.behavior) or {}
    if (behavior.get("scaleUp") or {}).get("selectPolicy") != "Disabled":
        return None
    path = "spec.advanced.horizontalPodAutoscalerConfig.behavior" if scaled is not None else "spec.behavior"
    return Verdict(
        summary=f"{scaling.named(scaler)} is forbidden to scale up, so that {scaling.target_named(scaler)} never grows",
        evidence=(scaling.field_of(scaler, f"{path}.scaleUp.selectPolicy", "Disabled", "Max or Min"),),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(
            remedies.of_object(
                "fix-paused-autoscaler",
                "Let it scale up",
                Applicability.ASK,
                scaler.ref,
                {"policy": f"/{path.replace('.', '/')}/scaleUp/selectPolicy"},
                ("Ask whoever forbade it first.",),
            ),
        ),
    )
