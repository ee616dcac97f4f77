"""The registry, or the kubelet itself, limits how often images are pulled.

What it finds
    The registry answers 429 to the pull, or the kubelet's own registryPullQPS is spent. A line or a sentence that names
    Docker's registry with 429 is enough.

Why it matters
    Anonymous pulls share one limit per address (a cluster behind one NAT is one puller); more nodes make it worse.

Evidence
    The runtime's words in the container's status or events, and the image reference.

Fix
    `fix-image`, else by hand: pull with an account, or from a mirror; it also ends by itself when the window
    has passed.
"""

from __future__ import annotations

import re

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.images import pull_failure
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_REGISTRY = r"(?:registry-1\.docker\.io|auth\.docker\.io|https?://[\w.:-]{1,120}/v2/\S{1,200}/(?:manifests|blobs)/)"
_LIMITED = r"(?:\b429\b|[Tt]oo [Mm]any [Rr]equests|toomanyrequests)"
_BY_REGISTRY = lazy_pattern(f"{_REGISTRY}.{{0,400}}{_LIMITED}|{_LIMITED}.{{0,200}}{_REGISTRY}", re.DOTALL)
_TITLE = "Pull with credentials or from a mirror"
_AT_REGISTRY = (
    "Add imagePullSecrets with an account of the registry: its limit is higher, and not shared.",
    "Or name a mirror of the image (a pull-through cache in your own registry).",
    "Or wait: the window of Docker Hub is six hours.",
)


@rule(cause="image-rate-limit", branch=Branch.START, order=20)
def image_rate_limit(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica, "image-rate-limit")
    if failure is None:
        return None
    image, by_kubelet = replica.container.image or "its image", "QPS exceeded" in failure.text
    steps = (
        ("Wait: the kubelet spaces its pulls out (registryPullQPS); too many pods came to the node at once.",)
        if by_kubelet
        else _AT_REGISTRY
    )
    return Verdict(
        summary=f"{'The kubelet' if by_kubelet else 'The registry'} limits pulls of {image}",
        evidence=failure.evidence,
        confidence=Confidence.CERTAIN,
        fixes=(_fix(replica, steps, by_hand=by_kubelet),),
    )


def _fix(replica: Replica, steps: tuple[str, ...], *, by_hand: bool) -> Fix:
    if by_hand:
        return remedies.by_steps(replica, _TITLE, steps)
    params = {"container": replica.container.name}
    notes = ("Add -p pull_secret=SECRET (an account of the registry) or -p image=MIRROR/NAME:TAG.", steps[-1])
    return remedies.runbook(replica, "fix-image", _TITLE, Applicability.ASK, params, by_hand=steps, notes=notes)


@rule(
    cause="image-rate-limit",
    branch=Branch.DIED,
    needs={Source.LOGS},
    explains={"hub-rate-limit"},
    order=20,
    signature=_BY_REGISTRY,
)
def image_rate_limit_told(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _BY_REGISTRY)
    if hit is None:
        return None
    return Verdict(
        summary=f"The registry limits pulls of images: {deaths.quoted(hit)}",
        evidence=deaths.shown(replica, hit),
        confidence=deaths.confidence(replica),
        fixes=(remedies.by_steps(replica, _TITLE, _AT_REGISTRY),),
    )
