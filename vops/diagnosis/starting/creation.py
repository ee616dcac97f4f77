"""What the kubelet says of a pod on its way from the node to a running container.

The steps are: volumes attached, volumes mounted, sandbox created, image pulled, container created, container started.
An event about a step counts only as long as nothing tells that the pod has got past that step.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event

HARMLESS = frozenset(
    {
        "AlreadyMountedVolume",
        "DNSConfigForming",
        "ExceededGracePeriod",
        "FailedKillPod",
        "FailedPreStopHook",
        "FailedToUpdateEndpoint",
        "FailedToUpdateEndpointSlices",
        "FileSystemResizeFailed",
        "HostIPsIPFamilyMismatch",
        "InvalidDoNotDisruptAnnotation",
        "LifecycleHTTPFallback",
        "MissingClusterDNS",
        "MultiplePodDisruptionBudgets",
        "NotDeleted",
        "OwnerRefInvalidNamespace",
        "PolicyViolation",
        "ProbeWarning",
        "ResizeDeferred",
        "ResizeError",
        "ResizeInfeasible",
        "VolumeConditionAbnormal",
        "VolumePermissionChangeInProgress",
        "VolumeResizeFailed",
    }
)
"""Warnings about a pod that keep it neither from starting nor from serving."""

_STEPS = {
    "FailedAttachVolume": 1,
    "SuccessfulAttachVolume": 1,
    "FailedMount": 2,
    "FailedMapVolume": 2,
    "FailedPrepareDynamicResources": 2,
    "FailedCreatePodSandBox": 3,
    "FailedCreatePodContainer": 3,
    "NetworkNotReady": 3,
    "Pulling": 4,
    "Pulled": 4,
    "BackOff": 4,
    "Created": 5,
    "Started": 6,
}
_REFUSALS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError")
_NOT_STARTED = ("StartError", "ContainerCannotRun")
_NOT_RUN = (126, 127, 128)
REFUSED = (
    "Error:",
    "failed to create",
    "Failed to create container",
    "Failed to start container",
    "failed to start",
    "failed to generate",
    "OCI runtime",
    "nvidia-container-cli",
    "container_linux.go",
)
"""How the message of a container begins that was not created or started."""

_NOISE = lazy_pattern(r"object \S+ not registered|failed to sync (?:secret|configmap) cache")
"""Said while a kubelet starts to watch the pod's configuration, and over at once."""

_STILL_WAITS = ("Unable to attach or mount volumes", "Unable to mount volumes")
"""What a kubelet says every two minutes of volumes that did not come: they may not even be attached."""

_SIMILAR = "(combined from similar events): "
_UNMOUNTED = lazy_pattern(r"unmounted volumes=\[([^\]]{0,2000})\]")
_ALL = lazy_pattern(r"unattached volumes=\[([^\]]{0,2000})\]")
_ABOUT_VOLUME = lazy_pattern(r"failed for volume \"([^\"]{1,253})\"")
_WRAPPERS = (" desc = ", "runc create failed: ", "unable to start container process: ", "error during container init: ")
_SETTLED_S = 90
"""How long a pod may stumble at one step before a single complaint is taken for more than a hiccup."""


class Refusal(msgspec.Struct, frozen=True):
    """The words with which a container was not created or not started, and where they were read."""

    text: str
    shown: Evidence


def refusal(replica: Replica) -> Refusal | None:
    """Why the kubelet or the runtime did not create or start the container; None when it did, or says nothing."""
    found = _refusal(replica)
    if found is None or "\\" not in found.text:
        return found
    text = found.text.replace('\\"', '"').replace("\\n", " ")  # CRI-O quotes what runc logs, a terminal breaks it
    return Refusal(text, found.shown)


def _refusal(replica: Replica) -> Refusal | None:
    if replica.runs:
        return None
    waiting = replica.status.state.waiting if replica.status else None
    if waiting is not None and waiting.reason in _REFUSALS:
        if waiting.message:
            shown = evidence.status_field(replica, "state.waiting", f"{waiting.reason}: {waiting.message}")
            return Refusal(waiting.message, shown)
        if (event := _refused_by_event(replica)) is not None:
            return Refusal(event.message.removeprefix("Error: "), evidence.event(event))
    death = replica.last_death
    if death is None or not death.message:
        return None
    if death.reason in _NOT_STARTED or death.exit_code in _NOT_RUN:
        path = "state.terminated" if replica.status and replica.status.state.terminated else "lastState.terminated"
        shown = evidence.status_field(replica, path, f"{death.reason}, exit code {death.exit_code}: {death.message}")
        return Refusal(death.message, shown)
    return None


def _refused_by_event(replica: Replica) -> Event | None:
    about = (item for item in reversed(replica.events) if item.reason == "Failed" and is_about(replica, item))
    return next((item for item in about if item.message.startswith(REFUSED)), None)


def is_about(replica: Replica, event: Event) -> bool:
    """Whether an event of the pod may be about this container of it."""
    path = event.involved_object.field_path
    return not path or f"{{{replica.container.name}}}" in path


def complaints(replica: Replica, reasons: Collection[str]) -> list[Event]:
    """The events of these reasons that mean something, oldest first."""
    return [item for item in replica.events if item.reason in reasons and not _NOISE.search(item.message)]


def stuck_at(replica: Replica, reasons: Collection[str]) -> Event | None:
    """The last event of these reasons, when nothing later in the life of a pod has happened since."""
    last = _most_telling(complaints(replica, reasons))
    if last is None:
        return None
    step, seen = _STEPS.get(last.reason, 0), last.last_seen
    if _only_waits(last) and _is_attached_since(replica, last):
        return None
    for item in replica.events:
        later = _STEPS.get(item.reason, 0) > step and not _only_waits(item)
        if later and (seen is None or item.last_seen is None or item.last_seen >= seen):
            return None
    return last


def _most_telling(told: list[Event]) -> Event | None:
    """The last complaint; where it only says that a volume still has not come, the last that says why of that one."""
    last = next(reversed(told), None)
    if last is None or not _only_waits(last):
        return last
    waited, all_of_them = (_volumes(match) for match in (_UNMOUNTED.search(last.message), _ALL.search(last.message)))
    for item in reversed(told):
        named = _ABOUT_VOLUME.search(item.message)
        if named is not None and (named[1] in waited or named[1] not in all_of_them):
            return item
    return last


def _only_waits(told: Event) -> bool:
    return told.message.removeprefix(_SIMILAR).startswith(_STILL_WAITS)


def _is_attached_since(replica: Replica, waited: Event) -> bool:
    """Whether a volume was attached after the kubelet had said for the last time that it waits."""
    attached = (item.last_seen for item in replica.events if item.reason == "SuccessfulAttachVolume")
    return waited.last_seen is not None and any(seen is not None and seen > waited.last_seen for seen in attached)


def _volumes(match: re.Match[str] | None) -> frozenset[str]:
    return frozenset(match[1].replace(",", " ").split()) if match is not None else frozenset()


def persists(replica: Replica, event: Event) -> bool:
    """Whether a complaint is more than a hiccup: it came back, or the pod has been stuck for a while."""
    created = replica.pod.metadata.creation_timestamp or replica.pod.status.start_time
    if event.times > 1 or created is None:
        return True
    return (replica.facts.snapshot.at - created).total_seconds() >= _SETTLED_S


def gist(text: str) -> str:
    """What the innermost program said, without the words of those that passed it on."""
    for wrapper in _WRAPPERS:
        text = text.rpartition(wrapper)[2]
    return text.removesuffix(": unknown").strip()
