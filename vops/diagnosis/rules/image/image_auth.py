"""The registry wants credentials that the node does not have.

What it finds
    The registry denies access: no credentials, wrong ones, or ones without access.

Why it matters
    Registries say the same for what does not exist and for what may not be seen.

Evidence
    The runtime's words in the container's status and events, and the image reference.

Fix
    By hand: an imagePullSecret with access, in the pod's namespace.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.images import pull_failure
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="image-auth", branch=Branch.START, order=20)
def image_auth(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica)
    if failure is None or failure[0] != "image-auth":
        return None
    return Verdict(
        summary=f"The registry does not let {replica.name} pull {replica.container.image}",
        evidence=failure[1],
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                "Give access to the image",
                ("Add an imagePullSecrets entry whose Secret has access (and see that the name is right).",),
            ),
        ),
    )
