"""What a cloud answers when it is asked for a node, as autoscalers pass it on: out of stock, over quota, or refused.

Texts of Compute Engine, EC2 and Azure as the Cluster Autoscaler, GKE's autoscaler and Karpenter print them. Where one
answer speaks of quota and of stock, it counts as quota: a cloud looks for stock only for what the quota allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from vops.model.patterns import lazy_pattern


class Answer(StrEnum):
    """What became of a request for a node, the one to act on first coming first."""

    QUOTA = "quota"
    STOCKOUT = "stockout"
    REFUSED = "refused"  # permissions, addresses, images, reservations
    LATE = "late"  # the node was granted and never registered


class CloudAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer taken apart; `elsewhere` are zones that the cloud itself recommends, numbers are of the quota."""

    kind: Answer
    text: str
    zones: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    quota: str = ""
    limit: float | None = None
    needed: float | None = None
    where: str = ""


_QUOTA = lazy_pattern(
    r"quota\W{0,2}(?:'?[\w ./-]{1,60}'? )?exceeded|quota_?exceeded|QuotaReached|VcpuLimitExceeded"
    r"|InstanceLimitExceeded"
    r"|MaxSpotInstanceCountExceeded|MaxFleetCountExceeded|LowPriorityQuota|vCPU quota|Cores quota|vCPU limit of"
    r"|requested more vCPU capacity|exceeding (?:approved [\w .-]{0,60})?quota"
    r"|quota metrics? exceed|quota exceeded for|service limits? were exceeded"
    r"|reached your quota for|insufficient \w{2,20} quota|Insufficient\w{2,20}Quota|quota of \d{1,9} and cannot",
    re.IGNORECASE,
)
_REFUSED = lazy_pattern(
    r"ip[._ ]space[._ ]exhausted|FreeAddresses|SubnetIsFull|InsufficientSubnetSize|available IP addresses"
    r"|permissions_error|unauthori[sz]ed|AccessDenied|AuthFailure"
    r"|not authorized|service account was deleted|VM_EXTERNAL_IP_ACCESS_POLICY|AMINotFound|InvalidAMI|LaunchTemplate"
    r"|InstanceProfile|SecurityGroup|UnregisteredTaint|unregistered taint|NodeRoleNotFound|Ec2Subnet"
    r"|PendingVerification|RequestLimitExceeded"
    r"|spread placement group|InvalidParameter|belong to different networks"
    r"|invalid[_ ]reservation|reservation[_ ]not[_ ](?:ready|found)|reservation[_ ]incompatible"
    r"|satisfy requirements of amis"
    r"|AUTOMATIC_RESERVATIONS_NOT_AVAILABLE|UNSUPPORTED_TPU|resolving node ?class|NodeClass",
    re.IGNORECASE,
)
_STOCKOUT = lazy_pattern(
    r"resource_pool_exhausted|out[ .]of[ .]resources|not have enough resources available|stockout"
    r"|insufficient_capacity"
    r"|Insufficient(?:Instance|Host|Reserved\w*)?Capacity|UnfulfillableCapacity"
    r"|insufficient (?:reserved |instance |host )?capacity"
    r"|(?:not have enough|sufficient) (?:\S{1,60} ){0,4}capacity"
    r"|Allocation ?Fail|Overconstrained(?:Zonal)?Allocation|SKU ?NotAvailable"
    r"|placeholder-cannot-be-fulfilled|cannot provision any more instances|instance types were unavailable"
    r"|no instance types available|reservation[_ ]?capacity[_ ]?exceeded|RESERVATIONS_NO_CAPACITY"
    r"|\bUnsupported: |not supported in (?:your requested Availability )?zone|does not exist in zone"
    r"|Unsupported - The requested configuration|not allowed in your subscription|ZoneNotSupported"
    r"|is (?:currently )?not available in (?:the )?location"
    r"|out of (?:host )?capacity|out of stock|NoStock\b"
    r"|ResourceInsufficient|ResourcesSoldOut|provisioning-state-failed",
    re.IGNORECASE,
)
_LATE = lazy_pattern(
    r"failed to (?:appear in time|register within|join)|not registered with cluster"
    r"|timed out for node group|\btimeout\b|NodeCreationFailure"
    r"|unable to register node with API server|to join the cluster and become ready"
    r"|vmssCSE|VMExtensionProvisioning|out of \d{1,4} have registered",
    re.IGNORECASE,
)
_KINDS = ((_QUOTA, Answer.QUOTA), (_REFUSED, Answer.REFUSED), (_STOCKOUT, Answer.STOCKOUT), (_LATE, Answer.LATE))

_ZONE = lazy_pattern(
    r"(?<![\w-])(?:[a-z]{2,12}-[a-z]{4,12}\d{1,2}-[a-f]|[a-z]{2}(?:-[a-z]{2,12}){1,2}-\d[a-f])(?![\w-])"
)
_MACHINE = lazy_pattern(
    r"(?<![\w./-])(?:[a-z][a-z0-9-]{1,12}\.(?:\d{1,3}x?large|x?large|medium|metal(?:-\w{1,8})?)|Standard_N\w{2,40})"
)
_ELSEWHERE = lazy_pattern(r"or choosing ([^.]{1,200})")
_AZURE_ZONE = lazy_pattern(r"VM size \S{1,60} in zone (\S{1,20}?)[.\s]")
_GCE_QUOTA = lazy_pattern(
    r"Quota '(?P<quota>[\w./-]{1,80})' exceeded\.?\s{0,3}"
    r"(?:Limit: (?P<limit>\d{1,12}(?:\.\d{1,3})?)(?: in region (?P<where>[\w-]{1,40}))?)?"
)
_AZURE_QUOTA = lazy_pattern(
    r"(?:approved|reached the) (?P<quota>[\w ]{1,60}?)(?: Cores)? quota"
    r"|exceeding quota limits? of (?P<family>[\w ]{1,60}?)(?: Cores)?\. Maximum allowed: (?P<most>\d{1,9}), "
    r"Current in use: (?P<used>\d{1,9}), Additional requested: (?P<more>\d{1,9})",
    re.IGNORECASE,
)
_OF_ALL = ("Core", "Cores", "Total Regional")
_AZURE_NUMBERS = lazy_pattern(
    r"Location: (?P<where>\w{1,40}), Current Limit: (?P<limit>\d{1,9}).{0,120}?New Limit Required: (?P<needed>\d{1,9})",
    re.DOTALL,
)
_AWS_LIMIT = lazy_pattern(r"current vCPU limit of (?P<limit>\d{1,9})")


_SPOKEN = (
    ("gce", lazy_pattern(r"\bGCE[ _]|NVIDIA_|ZONE_RESOURCE_POOL|Quota '[A-Z]|\bprojects/")),
    (
        "aws",
        lazy_pattern(
            r"\bEC2\b|\bEc2[A-Z]|Availability Zone|fleet error|(?i:vcpulimitexceeded)|vCPU (?:limit|capacity)|\bASG\b"
            r"|Auto Scaling|MaxSpotInstanceCountExceeded|InsufficientInstanceCapacity"
        ),
    ),
    (
        "azure",
        lazy_pattern(
            r"Standard_|Deployment Model: |\bAzure|exceeding (?:approved|quota limits?) |[Ss]k[Uu] ?NotAvailable"
            r"|vmss|Overconstrained|in your subscription|AllocationFailed|aka\.ms/"
        ),
    ),
)


def cloud_of(text: str) -> str:
    """Whose words these are: `gce`, `aws` or `azure`; empty where they do not tell."""
    return next((name for name, sign in _SPOKEN if sign.search(text)), "")


def cloud_answer(text: str, otherwise: Answer | None = None) -> CloudAnswer | None:
    """An error code or message of a cloud taken apart; of kind `otherwise` where nothing in it is known."""
    words = " ".join(text[:4_000].split())
    kind = next((kind for pattern, kind in _KINDS if pattern.search(words)), otherwise)
    if kind is None or not words:
        return None
    advised = _ELSEWHERE.search(words)
    elsewhere = _unique(_ZONE.findall(advised[1])) if advised else ()
    zones = (*_ZONE.findall(words), *_AZURE_ZONE.findall(words))
    answer = CloudAnswer(
        kind=kind,
        text=words,
        zones=tuple(zone for zone in _unique(zones) if zone not in elsewhere),
        machines=_unique(_MACHINE.findall(words)),
        elsewhere=elsewhere,
    )
    return _with_quota(answer) if kind is Answer.QUOTA else answer


def first_to_act_on(answers: Iterable[CloudAnswer]) -> tuple[CloudAnswer, ...]:
    """The answers of the kind that has to be dealt with first."""
    several = tuple(answers)
    kind = next((kind for kind in Answer if any(item.kind is kind for item in several)), None)
    return tuple(item for item in several if item.kind is kind)


def zones_in(text: str) -> tuple[str, ...]:
    """Every zone of Compute Engine or EC2 that a text names, once."""
    return _unique(_ZONE.findall(text))


def _with_quota(answer: CloudAnswer) -> CloudAnswer:
    """The quota by its name, with its limit and what would be needed, as far as the text tells."""
    words = answer.text
    named = _GCE_QUOTA.search(words) or _AZURE_QUOTA.search(words)
    numbers = _AZURE_NUMBERS.search(words) or _AWS_LIMIT.search(words)
    found = {**(named.groupdict() if named else {}), **(numbers.groupdict() if numbers else {})}
    if found.get("family"):  # as Azure wrote it before it told of the limit that would be enough
        most, needed = found["most"], str(int(found["used"]) + int(found["more"]))
        found |= {"quota": "" if found["family"] in _OF_ALL else found["family"], "limit": most, "needed": needed}
    aws = "vCPUs of this kind of instance" if "vcpu" in words.lower() else ""
    return msgspec.structs.replace(
        answer,
        quota=found.get("quota") or aws,
        where=found.get("where") or "",
        limit=float(found["limit"]) if found.get("limit") else None,
        needed=float(found["needed"]) if found.get("needed") else None,
    )


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
