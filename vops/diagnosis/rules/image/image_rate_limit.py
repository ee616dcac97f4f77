"""The registry limits how often it may be asked.

What it finds
    The registry answers 429 to the pull.

Why it matters
    Anonymous pulls share one limit per address; more nodes make it worse.

Evidence
    The runtime's words in the container's status and events, and the image reference.

Fix
    By hand: credentials, or a mirror.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.images import pull_failure
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="image-rate-limit", branch=Branch.START, order=20)
def image_rate_limit(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica)
    if failure is None or failure[0] != "image-rate-limit":
        return None
    return Verdict(
        summary=f"The registry limits pulls of {replica.container.image} (429)",
        evidence=failure[1],
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                "Pull with credentials or from a mirror",
                ("Add imagePullSecrets with an account, or name a mirror of the image.",),
            ),
        ),
    )
