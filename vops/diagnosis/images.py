"""What a failed image pull was about, by the runtime's words (in the waiting message since Kubernetes 1.32)."""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence

_CLASSES = (
    ("image-wrong-arch", ("no match for platform in manifest",)),
    ("image-rate-limit", ("429 Too Many Requests", "toomanyrequests")),
    ("disk-full", ("no space left on device",)),
    (
        "registry-unreachable",
        (
            "no such host",
            "i/o timeout",
            "connection refused",
            "x509:",
            "TLS handshake timeout",
            "context deadline exceeded",
            "connection reset by peer",
            "network is unreachable",
            "503 Service Unavailable",
        ),
    ),
    (
        "image-auth",
        (
            "pull access denied",
            "no basic auth credentials",
            "failed to authorize",
            "401 Unauthorized",
            "403 Forbidden",
            "denied: ",
        ),
    ),
    (
        "image-not-found",
        (": not found", "manifest unknown", "name unknown", "InvalidImageName", "couldn't parse image"),
    ),
)
"""In this order: the narrower words come before those that also stand in other failures."""

_PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")


def pull_failure(replica: Replica) -> tuple[str, tuple[Evidence, ...]] | None:
    """The cause of a failed pull and where it was read; None when the image is not what keeps the container."""
    waiting = replica.status.state.waiting if replica.status else None
    if waiting is None or waiting.reason not in _PULLING:
        return None
    about = [
        event for event in replica.events if event.reason in ("Failed", "InspectFailed") and "image" in event.message
    ]
    text = " ".join([waiting.reason, waiting.message, *(event.message for event in about)])
    cause = next((cause for cause, words in _CLASSES if any(word in text for word in words)), "")
    found = [evidence.status_field(replica, "state.waiting", f"{waiting.reason}: {waiting.message}")]
    if about and not waiting.message.partition("image")[2].strip(' "'):
        found.append(evidence.event(about[-1]))
    return cause, (*found, evidence.container_field(replica, "image", replica.container.image))
