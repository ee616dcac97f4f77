"""The cloud refuses the node because of a quota of the project, account or subscription.

What it finds
    `GCE quota exceeded`, `VcpuLimitExceeded`, `SubscriptionQuotaReached` and their like, in the autoscaler's events, in
    the backoff of a node group, or on a Karpenter NodeClaim.

Why it matters
    Only somebody with rights in the cloud can raise it. A quota also hides a lack of stock: the cloud looks for a
    machine only after the quota has let the request through, so look again afterwards.

Evidence
    The cloud's words, with the quota's name, limit and region where they tell.

Fix
    By hand: ask for as much quota as the replicas that wait need.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Fix
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.cloud_text import CloudAnswer
from vops.diagnosis.provisioning.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern

_FAMILY = lazy_pattern(r"[a-z]{1,8}")
_EC2_QUOTAS = (
    ({"p"}, "L-417A185B (running on-demand P instances)"),
    ({"g", "vt"}, "L-DB2E81BA (running on-demand G and VT instances)"),
)
_AFTERWARDS = "Then look again: a quota hides a lack of stock, which would show next."


@rule(cause="cloud-quota", branch=Branch.SCHEDULE, explains=capacity.ANY_NODE, order=6)
def cloud_quota(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.QUOTA:
        return None
    answer = next((item for item in found.answers if item.quota), found.answers[0])
    name = f" {answer.quota}" if answer.quota else ""
    place = f" in {answer.where}" if answer.where else ""
    limit = f", which is {answer.limit:g}{place}," if answer.limit is not None else place
    return Verdict(
        summary=f"The cloud's quota{name}{limit} forbids the node that {replica.name} waits for "
        f"({found.by}{capacity.tried_for(replica)})",
        evidence=capacity.shown(replica),
        confidence=found.confidence,
        fixes=(_fix(replica, answer),),
    )


def _fix(replica: Replica, answer: CloudAnswer) -> Fix:
    _, gpus = capacity.waiting(replica)
    cloud = capacity.cloud(replica)
    return remedies.advice(
        "Ask the cloud for more quota",
        f"{capacity.need(replica)}.",
        *{"gce": _gce, "aws": _aws, "azure": _azure}.get(cloud, _anywhere)(answer, gpus),
        _AFTERWARDS,
    )


def _gce(answer: CloudAnswer, gpus: int) -> tuple[str, ...]:
    quota, region = answer.quota or "of this GPU (NVIDIA_…_GPUS) and GPUS_ALL_REGIONS", answer.where or "REGION"
    to = f" to {answer.limit + gpus:g}" if answer.limit is not None and "GPU" in answer.quota else ""
    return (
        f"See it: gcloud compute regions describe {region} --flatten=quotas "
        '--format="table(quotas.metric,quotas.limit,quotas.usage)"',
        f"Raise {quota}{to} in IAM & Admin > Quotas; GPUS_ALL_REGIONS has to allow as many.",
    )


def _aws(answer: CloudAnswer, gpus: int) -> tuple[str, ...]:
    families = {match[0] for name in answer.machines if (match := _FAMILY.match(name))}
    code = next((code for letters, code in _EC2_QUOTAS if families & letters), "")
    return (
        f"It counts vCPUs of the machine, not GPUs{f' ({gpus} are waited for)' if gpus else ''}.",
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code "
        f"{code or 'L-DB2E81BA (G, VT) or L-417A185B (P)'} --desired-value VCPUS",
    )


def _azure(answer: CloudAnswer, gpus: int) -> tuple[str, ...]:
    machines = f"machines with {gpus} GPUs" if gpus else "its machines"
    needed = f"at least {answer.needed:g} cores" if answer.needed else f"the cores of {machines}"
    return (
        f"See it: az vm list-usage --location {answer.where or 'LOCATION'} --output table",
        f"Ask for {needed} of {answer.quota or 'this family'} in Quotas of the portal.",
    )


def _anywhere(answer: CloudAnswer, gpus: int) -> tuple[str, ...]:
    more = f"{gpus} more GPUs" if gpus else "one more node"
    return (f"Raise {answer.quota or 'the quota'} so that it allows {more}.",)
