"""The pod forbids to run as root, and its image does.

What it finds
    The kubelet's refusal to create a container with runAsNonRoot whose image runs as root, or as a user by name.

Why it matters
    vllm/vllm-openai runs as root unless told otherwise: the pod waits in CreateContainerConfigError without a log.

Evidence
    The container's status, and the securityContext that forbids it.

Fix
    By hand: a numeric runAsUser, with a home and caches that this user may write to; or drop runAsNonRoot.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import refusal

_SAYS = ("runAsNonRoot", "runAsUser breaks non-root policy")


@rule(cause="admission-denied", branch=Branch.START, order=20)
def root_refused(replica: Replica) -> Verdict | None:
    found = refusal(replica)
    if found is None or not any(words in found.text for words in _SAYS):
        return None
    why = "as a user without a number" if "non-numeric" in found.text else "as root"
    context = {**replica.pod.spec.security_context, **replica.container.security_context}
    asked = ", ".join(f"{key} {context[key]}" for key in ("runAsNonRoot", "runAsUser") if key in context)
    return Verdict(
        summary=f"{replica.name} may not run as root, and {replica.container.image} runs {why}",
        evidence=(
            found.shown,
            *((evidence.container_field(replica, "securityContext", asked),) if asked else ()),
            evidence.container_field(replica, "image", replica.container.image),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.by_steps(
                replica,
                "Give the container a user",
                (
                    "Set securityContext.runAsUser (such as 1000) and runAsGroup, and fsGroup for its volumes;",
                    "set HOME and HF_HOME to a volume that this user may write to. Or drop runAsNonRoot.",
                ),
            ),
        ),
    )
