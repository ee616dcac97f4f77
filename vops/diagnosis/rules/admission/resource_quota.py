"""A ResourceQuota of the namespace leaves no room for the pods.

What it finds
    `exceeded quota` or `failed quota: must specify` among the refusals of the API server; and quotas in which what one
    pod asks for does not fit any more.

Why it matters
    No pod is made, so there is nothing to describe: the refusal stands on the ReplicaSet. A rolling update needs room
    for its extra pod, too.

Evidence
    The refusal, and the arithmetic: asked, used, allowed.

Fix
    By hand: the amount that would be enough is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from vops.diagnosis import remedies
from vops.diagnosis.facts import WorkloadFacts
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.placement.demands import amounts, pod_requests
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import admission
from vops.diagnosis.starting.admission import Exceeded
from vops.model.provisioning import ResourceQuota
from vops.model.quantities import format_bytes

_BYTES = ("memory", "storage")


@rule(cause="resource-quota", branch=Branch.CREATE, of=WorkloadFacts, order=10)
def resource_quota(workload: WorkloadFacts) -> Verdict | None:
    refused = admission.refusal(workload)
    quota = admission.exceeded(refused.text) if refused else None
    if refused is None:
        return _by_arithmetic(workload)
    if quota is None:
        return None
    if quota.unset:
        return _unset(workload, quota, refused.shown, refused.confidence)
    short = ", ".join(_in_words(quota, name) for name in quota.requested) or refused.text[:160]
    return Verdict(
        summary=f"Quota {quota.name} of {workload.namespace} leaves no room for a pod of {workload.name}: {short}",
        evidence=(refused.shown, *_as_it_is(workload, quota.name)),
        confidence=refused.confidence,
        fixes=(_fix(workload, quota),),
    )


def _unset(workload: WorkloadFacts, quota: Exceeded, shown: Evidence, confidence: Confidence) -> Verdict:
    return Verdict(
        summary=f"Quota {quota.name} of {workload.namespace} takes only pods that declare {quota.unset}",
        evidence=(shown,),
        confidence=confidence,
        fixes=(
            admission.at_workload(
                workload, "Declare what the quota counts", f"Set in resources of each container: {quota.unset}."
            ),
        ),
    )


def _fix(workload: WorkloadFacts, quota: Exceeded) -> Fix:
    count = admission.missing(workload)
    wanted = [
        f"{name} to {_plain(name, _sum(quota.used.get(name, '0'), amount, count))}"
        for name, amount in quota.requested.items()
    ]
    raise_it = f"kubectl -n {workload.namespace} edit resourcequota {quota.name}"
    fewer = workload.desired - count
    instead = f"scale {workload.ref.kind.lower()}/{workload.name} to {fewer}, or " if fewer > 0 else ""
    return remedies.advice(
        "Raise the quota, or ask for less",
        f"{'1 pod is' if count == 1 else f'{count} pods are'} missing. "
        f"Raise {', '.join(wanted) or 'what the refusal names'}: {raise_it}",
        f"Or {instead}ask for less per pod.",
    )


def _sum(used: str, asked: str, times: int) -> Decimal:
    found = amounts({"used": used, "asked": asked})
    return found.get("used", Decimal()) + times * found.get("asked", Decimal())


def _plain(name: str, amount: Decimal) -> str:
    return format_bytes(float(amount)) if any(part in name for part in _BYTES) else f"{amount.normalize():f}"


def _in_words(quota: Exceeded, name: str) -> str:
    used, limit = quota.used.get(name, "?"), quota.limited.get(name, "?")
    return f"{name} {used} of {limit} used, {quota.requested[name]} more asked"


def _as_it_is(workload: WorkloadFacts, name: str) -> tuple[Evidence, ...]:
    """The quota as it stands now, where it was read."""
    return tuple(
        Evidence("resourcequota", f"{name} status.used[{key}]", used, expected=f"at most {hard.get(key, '?')}")
        for quota in _quotas(workload)
        if quota.metadata.name == name
        for hard in (quota.status.hard or quota.spec.hard,)
        for key, used in quota.status.used.items()
    )


def _by_arithmetic(workload: WorkloadFacts) -> Verdict | None:
    """Without a word of refusal: a quota without scopes in which a pod that is missing would not fit."""
    if workload.ready >= workload.desired or len(workload.replicas) >= workload.desired:
        return None
    found = next(_full(workload), None)
    if found is None:
        return None
    return Verdict(
        summary=f"Quota {found.name} of {workload.namespace} leaves no room for a pod of {workload.name}: "
        + ", ".join(_in_words(found, name) for name in found.requested),
        evidence=_as_it_is(workload, found.name),
        confidence=Confidence.PROBABLE,
        fixes=(_fix(workload, found),),
    )


def _full(workload: WorkloadFacts) -> Iterator[Exceeded]:
    asks = {f"requests.{name}": amount for name, amount in pod_requests(workload.workload.spec.template.spec).items()}
    asks["pods"] = Decimal(1)
    for quota in _quotas(workload):
        hard, used = amounts(quota.status.hard), amounts(quota.status.used)
        short = [
            name for name, amount in asks.items() if name in hard and name in used and used[name] + amount > hard[name]
        ]
        if short and not quota.spec.scopes and not quota.spec.scope_selector:
            shown = {name: f"{asks[name].normalize():f}" for name in short}
            yield Exceeded(quota.metadata.name, shown, quota.status.used, quota.status.hard)


def _quotas(workload: WorkloadFacts) -> Iterator[ResourceQuota]:
    several = workload.facts.all(ResourceQuota)
    return (quota for quota in several if quota.metadata.namespace == workload.namespace)
