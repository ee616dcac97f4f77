"""A workload is meant to have no replica at all.

What it finds
    spec.replicas is 0, and who holds it there: a paused autoscaler, KEDA with nothing to do, an HPA that is switched
    off while its target is at 0, or somebody by hand. Of KEDA it also tells when nothing can ever wake the workload:
    its only triggers ask the servers themselves, and there are none to answer.

Why it matters
    Nothing is broken and nothing serves. Scaling to zero for want of requests is what minReplicaCount 0 is for, and
    then only a remark.

Evidence
    spec.replicas, and what the autoscaler says about itself.

Fix
    `fix-paused-autoscaler`, else by hand: one replica, or a lower limit of one.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.autoscaling import queries, scaler_errors, scaling
from vops.diagnosis.facts import ScalerFacts, WorkloadFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.scaling import ScaledObject

_OF_KEDA = "keda-hpa-"


@rule(cause="replicas-zero", branch=Branch.CREATE, of=WorkloadFacts, order=40)
def replicas_zero(workload: WorkloadFacts) -> Verdict | None:
    if workload.desired:
        return None
    name, kind = f"{workload.ref.kind.lower()}/{workload.name}", workload.ref.kind.lower()
    shown = Evidence(kind, f"{workload.name} spec.replicas", "0", "1 or more")
    scaler = next(iter(workload.scalers), None)
    if scaler is None:
        return Verdict(
            summary=f"{name} is scaled to 0 replicas, and no autoscaler is seen that would raise it",
            evidence=(shown,),
            confidence=Confidence.CERTAIN,
            severity=Severity.WARNING,
            fixes=(_scale(workload),),
        )
    scaled = scaler.scaled_object
    return _by_hpa(workload, scaler, shown) if scaled is None else _by_keda(workload, scaler, scaled, shown)


@rule(cause="replicas-zero", branch=Branch.SCALE, of=ScalerFacts, order=14)
def autoscaler_off_at_zero(scaler: ScalerFacts) -> Verdict | None:
    """An HPA by itself, whose target has no replica by its word; KEDA's own says so whenever there is nothing to do."""
    hpa = scaler.hpa
    active = hpa.condition("ScalingActive") if hpa is not None else None
    if hpa is None or active is None or active.reason != "ScalingDisabled" or scaler.workload is not None:
        return None
    if scaler.scaled_object is not None or hpa.metadata.name.startswith(_OF_KEDA):
        return None
    return Verdict(
        summary=f"{scaling.target_named(scaler)} is scaled to 0 replicas, which switches {scaling.named(scaler)} off: "
        "an HPA does not start from 0",
        evidence=(scaling.condition(hpa, active),),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "Give it a replica",
                f"kubectl -n {scaler.namespace or 'NAMESPACE'} scale {scaling.target_named(scaler)} --replicas=1",
            ),
        ),
    )


@rule(cause="replicas-zero", branch=Branch.SCALE, of=ScalerFacts, order=15)
def scaled_object_at_zero(scaler: ScalerFacts) -> Verdict | None:
    """One that has taken its target to 0 and asks only the servers themselves, where the target was not handed in."""
    scaled = scaler.scaled_object
    active = scaled.condition("Active") if scaled is not None else None
    inactive = active is not None and active.status == "False" and not scaling.least_replicas(scaler)
    if scaled is None or scaler.workload is not None or not inactive or not _asks_itself(scaler):
        return None
    return Verdict(
        summary=f"{scaling.named(scaler)} keeps {scaling.target_named(scaler)} at 0 and asks only the servers "
        "themselves, so that nothing can wake it",
        evidence=(
            *_activity(scaled),
            *(_query(scaler, item.trigger, item.query) for item in scaling.signals(scaler)),
        ),
        confidence=Confidence.STRONG,
        severity=Severity.WARNING,
        fixes=(_keep_one(scaler),),
    )


def _scale(workload: WorkloadFacts) -> Fix:
    return remedies.of_object("scale", "Give it a replica", Applicability.ASK, workload.ref, {"replicas": 1})


def _by_hpa(workload: WorkloadFacts, scaler: ScalerFacts, shown: Evidence) -> Verdict:
    hpa = scaler.hpa
    active = hpa.condition("ScalingActive") if hpa is not None else None
    said = (scaling.condition(hpa, active),) if hpa is not None and active is not None else ()
    return Verdict(
        summary=f"{workload.ref.kind.lower()}/{workload.name} is scaled to 0 replicas, which switches "
        f"{scaling.named(scaler)} off: an HPA does not start from 0",
        evidence=(shown, *said),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(_scale(workload),),
    )


def _by_keda(workload: WorkloadFacts, scaler: ScalerFacts, scaled: ScaledObject, shown: Evidence) -> Verdict:
    note, least = scaling.paused_by(scaled), scaling.least_replicas(scaler)
    fix, severity = _keep_one(scaler), Severity.INFO
    why = f"{scaling.named(scaler)} sees nothing to do and may go to 0"
    said = _activity(scaled)
    if note:
        why, severity = f"{scaling.named(scaler)} is paused ({note})", Severity.WARNING
        said = (scaling.field_of(scaler, f"metadata.annotations[{note}]", scaled.metadata.annotations[note]),)
        fix = remedies.of_object(
            "fix-paused-autoscaler",
            "Take the pause away",
            Applicability.ASK,
            scaler.ref,
            {"pause": note.rpartition("/")[2]},
        )
    elif told := scaler_errors.complaints(scaler):
        why, severity = f"{scaling.named(scaler)} gets no metric that could wake it", Severity.ERROR
        said = (told[0].shown,)
    elif least:
        why, severity = f"{scaling.named(scaler)} should keep {least}, and does not", Severity.ERROR
        fix = _scale(workload)
    elif _asks_itself(scaler):
        why = f"{scaling.named(scaler)} asks only the servers themselves, so that nothing can wake it"
        severity = Severity.WARNING
        said = tuple(_query(scaler, item.trigger, item.query) for item in scaling.signals(scaler))
    return Verdict(
        summary=f"{workload.ref.kind.lower()}/{workload.name} has 0 replicas: {why}",
        evidence=(shown, *said),
        confidence=Confidence.CERTAIN,
        severity=severity,
        fixes=(fix,),
    )


def _query(scaler: ScalerFacts, trigger: int | None, query: str) -> Evidence:
    return scaling.field_of(scaler, f"spec.triggers[{trigger}].metadata.query", query, "a metric of a gateway or queue")


def _asks_itself(scaler: ScalerFacts) -> bool:
    """Whether every trigger is a query for metrics that only a running server has."""
    asked = [queries.metrics(item.query) for item in scaling.signals(scaler)]
    return bool(asked) and all(
        names and all(name.startswith(("vllm:", "vllm_", "DCGM_FI_")) for name in names) for names in asked
    )


def _activity(scaled: ScaledObject) -> tuple[Evidence, ...]:
    active = scaled.condition("Active")
    return (scaling.condition(scaled, active),) if active is not None else ()


def _keep_one(scaler: ScalerFacts) -> Fix:
    return remedies.advice(
        "Keep one replica",
        scaling.edit(scaler),
        "Set spec.minReplicaCount: 1; or wake it by something that exists without it: the requests at a gateway, or "
        "KEDA's HTTP add-on. A cold start takes as long as the model takes to load.",
    )
