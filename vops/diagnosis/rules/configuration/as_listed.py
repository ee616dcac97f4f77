"""Why a container is not made or started, where a list of pods has one word for it and nothing says more.

What it finds
    A container that waits with CreateContainerConfigError, CreateContainerError, RunContainerError or StartError and
    without a message or an event: what each of them is mostly for.

Why it matters
    The list of pods is often all that somebody copied; the word parts configuration from command and runtime.

Evidence
    The container's state. It has several causes, so each is possible and no more.

Fix
    By hand: the pod's events say which Secret, command or runtime is meant.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.resources import Event

_NOT_RUN = ("RunContainerError", "StartError", "ContainerCannotRun")


@rule(cause="missing-config", branch=Branch.START, order=97)
def configuration_listed(replica: Replica) -> Verdict | None:
    if _listed(replica) != "CreateContainerConfigError":
        return None
    return _verdict(
        replica,
        "its configuration cannot be read: mostly a Secret, a ConfigMap or a key of one that is not there",
        "Create the Secret, ConfigMap or key that they name; with `runAsNonRoot` among them, set a numeric runAsUser.",
    )


@rule(cause="bad-entrypoint", branch=Branch.START, order=97)
def start_listed(replica: Replica) -> Verdict | None:
    if _listed(replica) not in _NOT_RUN:
        return None
    return _verdict(
        replica,
        "its command cannot be executed, or the node's GPU runtime does not start it",
        "`executable file not found`: correct command and args. `nvidia-container-cli`: see driver and toolkit of the "
        "node.",
    )


@rule(cause="sandbox-failed", branch=Branch.START, order=97)
def creation_listed(replica: Replica) -> Verdict | None:
    if _listed(replica) != "CreateContainerError":
        return None
    return _verdict(
        replica,
        "the node's container runtime does not make it",
        "`is reserved`, `deadline exceeded`: see the runtime on the node. `mount`: see the path that they name.",
    )


def _listed(replica: Replica) -> str:
    """The reason for which a container waits, where nothing else is told of it."""
    waiting = replica.status.state.waiting if replica.status else None
    seen = replica.pod.metadata.creation_timestamp is not None  # an API server tells the message as well
    if waiting is None or waiting.message or seen or any(_tells_more(item, waiting.reason) for item in replica.events):
        return ""
    return waiting.reason


def _tells_more(event: Event, reason: str) -> bool:
    """Whether an event is a complaint that has more than the reason itself."""
    return event.type == "Warning" and event.message.removeprefix("Error: ").strip(" .") != reason


def _verdict(replica: Replica, says: str, step: str) -> Verdict:
    reason, namespace = _listed(replica), remedies.namespace(replica)
    return Verdict(
        summary=f"{replica.name} waits with {reason}: {says}",
        evidence=(evidence.status_field(replica, "state.waiting", reason),),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.advice(
                "See what the events of the pod say, and mend that",
                f"kubectl -n {namespace} describe pod {replica.name}",
                step,
            ),
        ),
    )
