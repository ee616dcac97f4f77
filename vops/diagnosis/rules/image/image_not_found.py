"""The registry has no such image or tag, or the name cannot be one.

What it finds
    The registry was reached and answers that the name or tag does not exist; a name that is no valid reference; an
    image that must be on the node already (imagePullPolicy Never) and is not.

Why it matters
    A typo or a tag that was never pushed: no waiting helps.

Evidence
    The runtime's words in the container's status or events, the image reference, and tags of the same repository that
    other pods run.

Fix
    By hand: correct the reference; a tag that other pods run, or the tag in vLLM's own form (v0.8.5), is named.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.images import pull_failure, repository, sibling_images, tag
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern

_NAME = "vllm-openai"
_BARE_VERSION = lazy_pattern(r"\d+\.\d+(?:\.\d+)?(?:\.post\d+)?")


@rule(cause="image-not-found", branch=Branch.START, order=20)
def image_not_found(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica, "image-not-found")
    if failure is None:
        return None
    image = replica.container.image
    if "pull policy of Never" in failure.text:
        return Verdict(
            summary=f"{replica.pod.spec.node_name} does not hold {image}, and imagePullPolicy Never forbids to pull it",
            evidence=failure.evidence,
            confidence=Confidence.CERTAIN,
            fixes=(
                remedies.by_steps(
                    replica,
                    "Let the image be pulled",
                    ("Set imagePullPolicy: IfNotPresent, or load the image on the node.",),
                ),
            ),
        )
    invalid = any(words in failure.text for words in ("InvalidImageName", "parse image", "invalid reference"))
    says = f"{image} is no valid image reference" if invalid else f"The registry has no {image}"
    return Verdict(
        summary=says,
        evidence=(*failure.evidence, *_running(replica)),
        confidence=Confidence.CERTAIN,
        fixes=(remedies.by_steps(replica, "Correct the image", _steps(replica)),),
    )


def _running(replica: Replica) -> tuple[Evidence, ...]:
    found = sibling_images(replica)
    return (evidence.pod_field("spec.containers[*].image", f"other pods run {', '.join(found[:3])}"),) if found else ()


def _steps(replica: Replica) -> tuple[str, ...]:
    known, asked, name = sibling_images(replica), tag(replica.container.image), repository(replica.container.image)
    set_it = f"Set the image of container {replica.container.name} to"
    if known:
        return (f"{set_it} {known[0]}, which other pods run.",)
    if name.endswith(_NAME) and _BARE_VERSION.fullmatch(asked):
        return (f"{set_it} {name}:v{asked}: the tags of vLLM begin with v.",)
    return (
        f"{set_it} a tag that {name or 'its repository'} has.",
        f"See which: skopeo list-tags docker://{name}",
    )
