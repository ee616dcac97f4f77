"""The pod's device claims (dynamic resource allocation) are not there, in use, or cannot be allocated.

What it finds
    A ResourceClaim that was not made from its template, does not exist, is being deleted, is shared by as many pods as
    may, or is allocated on nodes that the pod may not use; or the scheduler's word that it cannot allocate the devices.

Why it matters
    With claims in place of `nvidia.com/gpu` the nodes' capacity says nothing: devices come from the driver's
    ResourceSlices, and a missing driver or class looks like a full cluster.

Evidence
    The pod's claims with their allocation and device classes, and the scheduler's own words.

Fix
    By hand: run the DRA driver on the GPU nodes, ask for a DeviceClass that exists, or free a device.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.devices import allocated, device_claims, device_classes
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern

_CLASS = lazy_pattern(r"device class (?P<name>[\w./-]{1,253}) does not exist")
_NOT_MADE = "FailedResourceClaimCreation"
_BLOCKED = lazy_pattern(
    r"resource ?claim|device class|allocate devices|unsupported request type|resource driver|DynamicResources"
    r"|\bCEL expression|device\.attributes",
    re.IGNORECASE,
)


@rule(cause="dra-claim-pending", branch=Branch.SCHEDULE, order=12)
def dra_claim_pending(replica: Replica) -> Verdict | None:
    why = _why(replica)
    if not why:
        return None
    names = blockers.named(name or given for given, name in device_claims(replica.pod))
    claims = f"the device claim {names}" if names else "its device claim"
    said = replica.placement.scheduler
    spoken = said is not None and (bool(said.blocked) or said.says(Obstacle.CLAIM))
    return Verdict(
        summary=f"{replica.name} waits for {claims}: {why}",
        evidence=(*_claims(replica), *evidence.scheduler(replica)),
        confidence=Confidence.CERTAIN if spoken else Confidence.STRONG,
        fixes=(remedies.advice("Give the claim its devices", *_steps(replica, why)),),
    )


def _why(replica: Replica) -> str:
    """What keeps the claims from being used; empty where nothing does."""
    placement = replica.placement
    said = placement.scheduler
    text = said.text if said is not None else ""
    if match := _CLASS.search(text):
        return f"the DeviceClass {match['name']} does not exist"
    if said is not None and _BLOCKED.search(said.blocked):
        return said.blocked
    if (refused := next((item for item in reversed(replica.events) if item.reason == _NOT_MADE), None)) is not None:
        return f"it was not created: {refused.message}"
    passed = said is not None and bool(said.reasons)
    if placement.device_blocks and not passed:
        block = placement.device_blocks[0]
        return f"{block.name} is {block.how}"
    if said is not None and said.says(Obstacle.CLAIM):
        return next(item.text for item in said.reasons if item.obstacle is Obstacle.CLAIM)
    unmet = [item for item in placement.around.devices.of(replica.pod) if not allocated(item)]
    if unmet and not text and not placement.fits:
        return f"no devices were allocated to {unmet[0].metadata.name}"
    elsewhere = [fit for fit in placement.nearest if fit.devices]
    if elsewhere and not placement.allowed:
        return f"its devices are on other nodes than {blockers.nodes_in_words(elsewhere)}"
    return ""


def _claims(replica: Replica) -> list[Evidence]:
    devices = replica.placement.around.devices
    found = [evidence.pod_field("spec.resourceClaims", given) for given, name in device_claims(replica.pod) if not name]
    for claim in devices.of(replica.pod):
        state = "allocated" if allocated(claim) else "not allocated"
        classes = blockers.named(device_classes(claim)) or "no device class"
        found.append(
            Evidence("resourceclaim", f"{claim.metadata.name} status.allocation", f"{state}; asks for {classes}")
        )
    return found


def _steps(replica: Replica, why: str) -> tuple[str, ...]:
    see = f"See claims and devices: kubectl -n {replica.namespace} get resourceclaims; kubectl get resourceslices"
    if "DeviceClass" in why:
        return (f"Name a DeviceClass that exists (kubectl get deviceclasses), or create it: {why}.", see)
    if "not created" in why or "not there" in why or "not found" in why:
        return (
            "See that the ResourceClaimTemplate (or ResourceClaim) that the pod names exists in its namespace.",
            see,
        )
    return (
        "See that the DRA driver runs on the GPU nodes and has published ResourceSlices.",
        "Free a device, or ask for fewer, where they are all allocated.",
        see,
    )
