"""The registry has no such image or tag.

What it finds
    The registry was reached and answers that the name or tag does not exist, or the name cannot be one.

Why it matters
    A typo or a tag that was never pushed: no waiting helps.

Evidence
    The runtime's words in the container's status and events, and the image reference.

Fix
    By hand: correct the image reference.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.images import pull_failure
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="image-not-found", branch=Branch.START, order=20)
def image_not_found(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica)
    if failure is None or failure[0] != "image-not-found":
        return None
    return Verdict(
        summary=f"The registry has no {replica.container.image}",
        evidence=failure[1],
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                "Correct the image",
                ("Set the container's image to a tag that exists.",),
            ),
        ),
    )
