"""The registry wants credentials that the node does not have.

What it finds
    The registry denies access: no credentials, wrong or expired ones, or ones without access to this repository.

Why it matters
    Registries say the same for what does not exist and for what may not be seen; pull secrets count only in the pod's
    own namespace. Tokens of cloud registries last for hours only.

Evidence
    The runtime's words in the container's status or events, the image, and the pull secrets that the pod names.

Fix
    `fix-image`, else by hand: a pull secret with access in the pod's namespace, named in imagePullSecrets; for a
    cloud's own registry the role that the node needs.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import stuck_at
from vops.diagnosis.starting.images import any_pull_failure, pull_failure
from vops.diagnosis.states import ReplicaState
from vops.model.patterns import lazy_pattern

_NAMED = lazy_pattern(r"\(([\w., -]{1,253})\)")
_CLOUD = (
    (".amazonaws.com/", "ECR: the node's role needs AmazonEC2ContainerRegistryReadOnly (a token lasts 12 hours)."),
    ("-docker.pkg.dev/", "Artifact Registry: the node's service account needs roles/artifactregistry.reader."),
    ("gcr.io/", "Container Registry: the node's service account needs to read the registry's storage."),
    (".azurecr.io/", "ACR: the kubelet's identity needs AcrPull (az aks update --attach-acr)."),
    ("nvcr.io/", "NGC: the user name is $oauthtoken and the password an NGC API key with access to the repository."),
)


@rule(cause="image-auth", branch=Branch.START, order=20)
def image_auth(replica: Replica) -> Verdict | None:
    failure = pull_failure(replica, "image-auth")
    if failure is None:
        return None
    names = [str(item.get("name", "")) for item in replica.pod.spec.image_pull_secrets]
    return Verdict(
        summary=f"The registry does not let {replica.name} pull {replica.container.image or 'its image'}",
        evidence=(
            *failure.evidence,
            evidence.pod_field("spec.imagePullSecrets", ", ".join(names) or "none", expected="a Secret with access"),
        ),
        confidence=Confidence.CERTAIN,
        fixes=(_fix(replica, names),),
    )


@rule(cause="image-auth", branch=Branch.START, order=61)
def pull_secret_missing(replica: Replica) -> Verdict | None:
    """A pull secret that is not there, where nothing is told of the pull itself: public images come without."""
    event = stuck_at(replica, ("FailedToRetrieveImagePullSecret",))
    if event is None or replica.state is not ReplicaState.CREATING or any_pull_failure(replica) is not None:
        return None
    names = _NAMED.findall(event.message)
    return Verdict(
        summary=f"The pull secret of {replica.name} ({', '.join(names) or 'unnamed'}) is not there",
        evidence=(evidence.event(event),),
        confidence=Confidence.POSSIBLE,
        fixes=(_fix(replica, []),),
    )


def _fix(replica: Replica, names: list[str]) -> Fix:
    image, namespace = replica.container.image, replica.namespace
    cloud = [step for part, step in _CLOUD if part in image]
    if names:
        pull = [
            f"See that the credentials in Secret {', '.join(names)} of {namespace} are current and may read {image}."
        ]
    else:
        pull = [
            f"kubectl -n {namespace} create secret docker-registry regcred --docker-server=REGISTRY "
            "--docker-username=USER --docker-password=TOKEN",
            "Add imagePullSecrets: [{name: regcred}] to the pod template (or to its service account).",
        ]
    steps = (
        *cloud,
        *pull,
        "See that the name is right: what is not there is denied too.",
    )
    title = f"Give access to {image or 'the image'}"
    if names or cloud:
        return remedies.by_steps(replica, title, steps)
    params = {"container": replica.container.name}
    return remedies.runbook(replica, "fix-image", title, Applicability.ASK, params, by_hand=steps, notes=steps)
