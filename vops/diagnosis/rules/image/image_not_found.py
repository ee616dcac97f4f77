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
    `fix-image`, else by hand: correct the reference; a tag that other pods run, or the tag in vLLM's own form
    (v0.8.5), is named.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.images import any_pull_failure, pull_failure, says_nothing, sibling_images, tag
from vops.model.patterns import lazy_pattern
from vops.model.serving import image_repository

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
                remedies.runbook(
                    replica,
                    "fix-image",
                    "Let the image be pulled",
                    Applicability.SAFE,
                    {"container": replica.container.name, "pull_policy": "IfNotPresent"},
                    by_hand=("Set imagePullPolicy: IfNotPresent, or load the image on the node.",),
                ),
            ),
        )
    invalid = any(words in failure.text for words in ("InvalidImageName", "parse image", "invalid reference"))
    says = (
        f"{image or 'The image'} is no valid image reference"
        if invalid
        else f"The registry has no {image or 'image of that name'}"
    )
    return Verdict(
        summary=says,
        evidence=(*failure.evidence, *_running(replica)),
        confidence=Confidence.CERTAIN,
        fixes=(_fix(replica),),
    )


@rule(cause="image-not-found", branch=Branch.START, order=60)
def image_not_pulled(replica: Replica) -> Verdict | None:
    """An image that cannot be pulled, where nothing at hand says why: never more than possible."""
    failure = any_pull_failure(replica)
    if failure is None or not says_nothing(failure):
        return None
    image, namespace = replica.container.image or "the image", remedies.namespace(replica)
    return Verdict(
        summary=f"{image} cannot be pulled, and nothing here says why: it may not exist, or ask for credentials",
        evidence=failure.evidence,
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.advice(
                "See why, then correct the image or give it a pull secret",
                f"The registry's own words: kubectl -n {namespace} get events --field-selector reason=Failed",
                "not found, manifest unknown: correct name and tag.",
                "unauthorized, denied, 401, 403: add imagePullSecrets.",
                "no such host, timeout, x509: see the node's network, DNS, proxy and certificates.",
            ),
        ),
    )


def _fix(replica: Replica) -> Fix:
    """The image that other pods run, or its tag with a v; without either a person has to name one."""
    image, steps = _likely(replica), _steps(replica)
    params = {"container": replica.container.name, **({"image": image} if image else {})}
    return remedies.runbook(
        replica, "fix-image", "Correct the image", Applicability.ASK, params, by_hand=steps, notes=steps
    )


def _likely(replica: Replica) -> str:
    """The image that is probably meant; empty when nothing tells."""
    image = replica.container.image
    known, asked, name = sibling_images(replica), tag(image), image_repository(image)
    if known:
        return known[0]
    return f"{name}:v{asked}" if name.endswith(_NAME) and _BARE_VERSION.fullmatch(asked) else ""


def _running(replica: Replica) -> tuple[Evidence, ...]:
    found = sibling_images(replica)
    return (evidence.pod_field("spec.containers[*].image", f"other pods run {', '.join(found[:3])}"),) if found else ()


def _steps(replica: Replica) -> tuple[str, ...]:
    known, name, likely = sibling_images(replica), image_repository(replica.container.image), _likely(replica)
    set_it = f"Set the image of container {replica.container.name} to"
    if known:
        return (f"{set_it} {known[0]}, which other pods run.",)
    if likely:
        return (f"{set_it} {likely}: the tags of vLLM begin with v.",)
    return (
        f"{set_it} a tag that {name or 'its repository'} has.",
        f"See which: skopeo list-tags docker://{name or 'REGISTRY/NAME'}",
    )
