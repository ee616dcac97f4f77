"""A controller cannot make what it was asked to make: a kind, an object or a right is not there.

What it finds
    `no matches for kind`, a namespace, a configuration, a store of secrets or a service account that is not found, and
    `is forbidden: User`, in the words of kubectl, Helm, Argo CD, Flux, KServe, KubeRay and External Secrets, where
    these words are all that was handed in.

Why it matters
    No pod is made, so there is nothing to look at: neither pods nor events of theirs.

Evidence
    The controller's words.

Fix
    By hand: install the CRDs of the kind, create the object, or grant the right.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event
from vops.model.snapshot import Source

_KIND = lazy_pattern(
    r"no matches for kind \W{0,2}(?P<kind>\w{1,60})\W{0,2} in version \W{0,2}(?P<version>[\w./-]{1,120})"
    r"|could not find (?P<group>[\w.-]{1,120})/(?P<found>\w{1,60}) for requested"
    r"|resource type \"(?P<plural>[\w./-]{1,200})\""
    r"|could not find the requested resource \(\w{1,10} (?P<asked>[\w.-]{1,200})\)"
)
_MISSING = lazy_pattern(
    r"(?P<kind>namespace|LLMInferenceServiceConfig|(?:Cluster)?SecretStore|ServiceAccount|(?:cluster)?issuer"
    r"|InferencePool)s?(?:\.[\w.-]{1,80})? \"(?P<name>[\w./-]{1,253})\""
)
_RIGHT = lazy_pattern(
    r"User \"(?P<user>[^\"]{1,253})\" cannot (?P<verb>\w{1,20}) resource \"(?P<resource>[\w./-]{1,120})\" in API "
    r"group \"(?P<group>[\w.-]{0,253})\"(?:.{0,20}in the namespace \"(?P<namespace>[\w.-]{1,63})\")?"
)


@rule(cause="missing-config", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=4)
def kind_missing(replica: Replica) -> Verdict | None:
    """Only of what stands for the pods: those that were seen were made."""
    event = _told(replica, "KindMissing")
    if event is None:
        return None
    match = _KIND.search(event.message.replace('\\"', '"'))
    parts = match.groupdict() if match is not None else {}
    kind = parts.get("kind") or parts.get("found") or parts.get("plural") or parts.get("asked") or "that is asked for"
    return Verdict(
        summary=f"The cluster does not know the kind {kind}: its CustomResourceDefinition is not installed",
        evidence=(evidence.event(event),),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                f"Create the CustomResourceDefinition of {kind}",
                f"See what there is: kubectl api-resources | grep -i {kind.partition('.')[0]}",
                "Install the operator that the kind belongs to, its CRDs first, in the version of the manifest (a CRD "
                "that no longer serves an alpha version refuses it in the same words).",
            ),
        ),
    )


@rule(cause="missing-config", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=5)
def reference_missing(replica: Replica) -> Verdict | None:
    event = _told(replica, "ReferenceMissing")
    if event is None:
        return None
    match = _MISSING.search(event.message.replace('\\"', '"'))
    what = f"{match['kind']} {match['name']}" if match is not None else "what it names"
    return Verdict(
        summary=f"A controller does not find {what}: {event.message.strip(' .')[:200]}",
        evidence=(evidence.event(event),),
        confidence=Confidence.STRONG,
        fixes=(_create(what),),
    )


@rule(cause="permission-denied", branch=Branch.TRAFFIC, needs={Source.EVENTS}, order=6)
def rights_missing(replica: Replica) -> Verdict | None:
    event = _told(replica, "RightsMissing")
    if event is None:
        return None
    match = _RIGHT.search(event.message.replace('\\"', '"'))
    parts = match.groupdict("") if match is not None else {}
    who = f"{parts['user']} may not {parts['verb']} {parts['resource']}" if parts else "A controller lacks a right"
    return Verdict(
        summary=f"{who}{': no Role or ClusterRole of its grants it' if parts else f': {event.message[:160]}'}",
        evidence=(evidence.event(event),),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                "Grant the permission",
                f"See it: kubectl auth can-i {parts['verb']} {parts['resource']}.{parts['group']} --as={parts['user']}"
                if parts
                else "See what the account may do: kubectl auth can-i --list --as=ACCOUNT",
                "Bind a Role or ClusterRole with that resource and verb to it, or work in a namespace where it has the "
                "right.",
            ),
        ),
    )


def _told(replica: Replica, reason: str) -> Event | None:
    told = () if replica.observed else replica.facts.events_with(reason)
    return told[-1] if told else None


def _create(what: str) -> Fix:
    return remedies.advice(
        f"Create {what}",
        "Create it under that name, in the namespace where it is looked for, or correct the name in the manifest.",
        "A store of secrets must be Ready itself (kubectl get secretstores,clustersecretstores -A), and hold the key "
        "that is asked for.",
    )
