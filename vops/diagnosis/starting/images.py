"""What a failed image pull was about, by the words of containerd, CRI-O and Docker.

The waiting message carries the runtime's words since Kubernetes 1.32; before, only the kubelet's `Failed` event does.
"""

from __future__ import annotations

import re

import msgspec

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.starting.creation import is_about
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event
from vops.model.serving import image_repository

_CLASSES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (cause, lazy_pattern(words, re.IGNORECASE))
    for cause, words in (
        (
            "image-wrong-arch",
            r"no match for platform|no matching manifest for|no image found in \w{1,10} (?:list|index) for arch"
            r"|image operating system \S+ cannot be used|does not match the specified platform|no child with platform",
        ),
        ("image-rate-limit", r"toomanyrequests|too many requests|\b429\b|pull rate limit|pull QPS exceeded"),
        ("disk-full", r"no space left on device|disk quota exceeded|not enough (?:free )?(?:disk )?space"),
        (
            "registry-unreachable",
            r"no such host|server misbehaving|(?<!short-)name resolution|i/o timeout"
            r"|connection (?:refused|reset)|timed out"
            r"|network is unreachable|no route to host|x509:|certificate verify failed"
            r"|error trying to connect|\btls: |tls handshake|context canceled"
            r"|deadline ?exceeded|client\.timeout|proxyconnect|gave HTTP response to HTTPS client"
            r"|registry is unavailable|RegistryUnavailable"
            r"|(?:\b5\d\d (?:internal|bad gateway|service unavail|gateway time)|HTTP status:? 5\d\d)"
            r"(?!.{0,400}\bunauthorized: )"
            r"|unexpected EOF|unexpected media type|\bEOF$|unexpected commit digest"
            r"|failed size validation|short read|timeout awaiting"
            r"|pull(?:ing)? progress|broken pipe|stream error",
        ),
        (
            "image-auth",
            r"pull access denied|no basic auth credentials|failed to authorize|unauthorized|\b40[13] |\b402 Payment"
            r"|\bdenied\b|insufficient_scope|authentication required|authorization (?:failed|token has expired)"
            r"|invalid username/password|no pull access|does not have the proper auth|unable to retrieve auth token"
            r"|access to the resource|credentials",
        ),
        (
            "image-not-found",
            r"not found|manifest[ _]unknown|name[ _]unknown|repository name not known|InvalidImageName"
            r"|couldn't parse image|invalid reference|repository name must be|not present with pull policy of Never"
            r"|short[- ]name|does not exist|no such image|404 ",
        ),
    )
)
"""In this order: the narrower words come before those that also stand in other failures."""

_PULLING = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "ErrImageNotEnsured",
)
_SAYS_WHY = ("Failed", "FailedPullImage", "InspectFailed", "ErrImageNeverPull", "ErrImageNotEnsured")
_BARE = lazy_pattern(r'Back-off pulling image "[^"]*"\.?|Error: \w+|\w+')
_NODES_OWN = lazy_pattern(r"dial unix|\.sock\b|content digest \S{1,80}: not found|content store")
"""The node's own runtime and store of images, not the registry, fail."""

_MAY_NOT_EXIST = lazy_pattern(r"pull access denied|requested access to the resource is denied", re.IGNORECASE)
_PUBLIC = lazy_pattern(r"(?:docker\.io/)?(?:vllm|lmcache|rocm|library)/[\w.-]+")
"""Accounts of Docker Hub whose repositories are all public: what they deny is not there."""


_LONGEST = 16_384
"""How much of a message is read, in characters: a runtime's are much shorter."""


class PullFailure(msgspec.Struct, frozen=True):
    """What a pull failed of: its cause (empty when the words are not known), the runtime's words and the evidence."""

    cause: str
    text: str
    evidence: tuple[Evidence, ...]


def pull_failure(replica: Replica, cause: str) -> PullFailure | None:
    """The failed pull of the replica's image, when it failed of `cause`."""
    found = any_pull_failure(replica)
    return found if found is not None and found.cause == cause else None


def any_pull_failure(replica: Replica) -> PullFailure | None:
    """The failed pull of the replica's image; None when the image is not what keeps the container."""
    waiting = replica.status.state.waiting if replica.status else None
    if waiting is None or waiting.reason not in _PULLING:
        return None
    told = evidence.status_field(replica, "state.waiting", f"{waiting.reason}: {waiting.message}".removesuffix(": "))
    event = _event(replica)
    bare = not waiting.message or _BARE.fullmatch(waiting.message)
    text = event.message if bare and event is not None else waiting.message
    shown = (told, evidence.event(event)) if bare and event is not None else (told,)
    image = evidence.container_field(replica, "image", replica.container.image)
    return PullFailure(_cause(replica, waiting.reason, text), text, (*shown, image, *_elsewhere(replica)))


def says_nothing(failure: PullFailure) -> bool:
    """Whether only that a pull failed is told, and not why."""
    return not failure.cause and (not failure.text or _BARE.fullmatch(failure.text) is not None)


def _event(replica: Replica) -> Event | None:
    """The last event that says why this image was not pulled."""
    about = (item for item in reversed(replica.events) if item.reason in _SAYS_WHY and is_about(replica, item))
    image = replica.container.image
    return next((item for item in about if not image or f'"{image}"' in item.message), None)


def _cause(replica: Replica, reason: str, text: str) -> str:
    if _NODES_OWN.search(text[:_LONGEST]):
        return ""
    image = replica.container.image
    words = (f"{reason} {text.replace(image, '')}" if image else f"{reason} {text}")[:_LONGEST]
    found = next((cause for cause, pattern in _CLASSES if pattern.search(words)), "")
    if found == "image-auth" and _MAY_NOT_EXIST.search(words) and _PUBLIC.fullmatch(image_repository(image)):
        return "image-not-found"
    return found


def tag(image: str) -> str:
    """The tag of an image reference; empty when it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def pulled_elsewhere(replica: Replica) -> tuple[str, ...]:
    """The other nodes that have this very image."""
    image, here = replica.container.image, replica.pod.spec.node_name
    nodes = {
        pod.spec.node_name
        for pod in replica.facts.snapshot.pods
        for container in pod.spec.containers
        if container.image == image and (status := pod.container_status(container.name)) and status.image_id
    }
    return tuple(sorted(nodes - {here, ""}))


def sibling_images(replica: Replica) -> tuple[str, ...]:
    """Images of the same repository that pods of this snapshot run, so that they exist."""
    wanted = image_repository(replica.container.image)
    found = {
        container.image: None
        for pod in replica.facts.snapshot.pods
        for container in pod.spec.containers
        if image_repository(container.image) == wanted
        and container.image != replica.container.image
        and (status := pod.container_status(container.name)) is not None
        and status.image_id
    }
    return tuple(found)


def _elsewhere(replica: Replica) -> tuple[Evidence, ...]:
    nodes = pulled_elsewhere(replica)
    if not nodes:
        return ()
    return (
        Evidence("pod", "status.containerStatuses[*].imageID", f"the same image was pulled on {', '.join(nodes[:3])}"),
    )
