"""The autoscaler asked for a node, and it was refused or never arrived, neither for stock nor for quota.

What it finds
    Refusals for permissions, addresses, images, launch templates or reservations; and nodes that were granted and
    never joined the cluster in time.

Why it matters
    Every retry ends the same way until somebody corrects the node pool or the cloud's side of it.

Evidence
    The autoscaler's events, groups or NodeClaims with the cloud's words.

Fix
    By hand, at the node pool or its node class.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Fix
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.cloud_text import Answer
from vops.diagnosis.provisioning.outcomes import Outcome
from vops.diagnosis.rule import Branch, Verdict, rule

_ADVICE = (
    (
        ("ip space", "ip_space", "freeaddresses"),
        "Enlarge the subnet or its pod range, or add one: it has no address left.",
    ),
    (
        ("unregisteredtaint", "multiplenodes"),
        "Karpenter takes no node that joins without its taint: let the node's bootstrap pass --register-with-taints="
        "karpenter.sh/unregistered:NoExecute (userData of an EC2NodeClass with amiFamily Custom), and let nothing "
        "else make a node with the same provider ID.",
    ),
    (("reservation",), "Correct the reservation that the node pool names: its zone, machine type, sharing and size."),
    (
        ("ermission", "nauthori", "accessdenied", "authfailure", "service account"),
        "Give the autoscaler's or the node's identity the permission that the message names.",
    ),
    (
        ("no subnets", "no security groups"),
        "The node class selects none: compare the tags of subnetSelectorTerms and securityGroupSelectorTerms with "
        "those in the account and region that Karpenter works in, and let its role describe them.",
    ),
    (
        ("belong to different networks",),
        "Security groups and subnets must be of one VPC: compare what securityGroupSelectorTerms and "
        "subnetSelectorTerms of the node class (EC2NodeClass) select.",
    ),
    (
        ("nodeclass", "node class", "ami", "launchtemplate", "instanceprofile"),
        "Correct the node class: see its conditions.",
    ),
)


@rule(cause="node-launch-failed", branch=Branch.SCHEDULE, explains=capacity.ANY_NODE, order=7)
def node_launch_failed(replica: Replica) -> Verdict | None:
    found = replica.provisioning
    if found.outcome is not Outcome.REFUSED:
        return None
    answer = found.answers[0]
    late = answer.kind is Answer.LATE
    how = "was started and did not join the cluster in time" if late else f"was refused: {capacity.said(answer)}"
    return Verdict(
        summary=f"The node that {replica.name} waits for {how} ({found.by}{capacity.tried_for(replica)})",
        evidence=capacity.shown(replica),
        confidence=found.confidence,
        fixes=(_fix(answer.text, late=late),),
    )


def _fix(text: str, *, late: bool) -> Fix:
    if late:
        return remedies.advice(
            "See why machines of this pool do not become nodes",
            "Look at the machine in the cloud's console: out of stock after all, or its boot log (network, bootstrap).",
            "kubectl get nodes; kubectl get csr  (a node that waits to be approved)",
        )
    words = text.lower()
    step = next((advice for signs, advice in _ADVICE if any(sign in words for sign in signs)), "")
    return remedies.advice("Correct the node pool", step or "Correct what the message names, at the node pool.")
