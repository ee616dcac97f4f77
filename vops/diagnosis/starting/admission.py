"""Why pods that a workload wants are not made: the API server's words, as its controllers report them.

They stand in conditions of the Deployment and its ReplicaSets, which hold for as long as it fails, and in events of
ReplicaSets and StatefulSets, which are believed for as long as a controller waits before it tries again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import msgspec

from vops.diagnosis import evidence
from vops.diagnosis.facts import WorkloadFacts
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.remedies import advice
from vops.model.objects import Condition
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event, Workload
from vops.model.text import one_line

RETRIED_WITHIN = timedelta(minutes=20)
"""The ReplicaSet controller waits at most 1000 s between two attempts."""

PRIORITY_SCOPE = lazy_pattern(r"insufficient quota to match these scopes: (?P<scopes>.{0,300})")
_EVENTS = ("FailedCreate", "ReplicaSetCreateError")
_INNER = lazy_pattern(r"(?:Error creating: |failed error: |Failed to create new replica set \"[^\"]{1,253}\": )")
_QUOTA = lazy_pattern(
    r"(?:exceeded|failed) quota: (?P<name>[^,:\s]{1,253})|status unknown for quota: (?P<other>[^,\s]{1,253})", re.I
)


class Refusal(msgspec.Struct, frozen=True):
    """The API server's words, and where they were read; a condition is certain, an event was true when it was made."""

    text: str
    shown: Evidence
    confidence: Confidence


class Exceeded(msgspec.Struct, frozen=True):
    """A quota that leaves no room: amounts by resource, as Kubernetes writes them; `unset` is what must be declared."""

    name: str
    requested: dict[str, str]
    used: dict[str, str]
    limited: dict[str, str]
    unset: str = ""


def refusal(workload: WorkloadFacts) -> Refusal | None:
    """Why the API server does not take the pods of a workload; None when nothing says that it does not."""
    return next(_by_condition(workload), None) or _by_event(workload)


def _by_condition(workload: WorkloadFacts) -> Iterator[Refusal]:
    wanted = [item for item in workload.replicasets if item.spec.replicas != 0]
    for item in (workload.workload, *wanted):
        for condition in item.status.conditions:
            if condition.message and _refuses(condition):
                where = f"{item.metadata.name} status.conditions[{condition.type}]"
                said = Evidence(item.kind.lower(), where, one_line(f"{condition.reason}: {condition.message}"))
                yield Refusal(_inner(condition.message), said, Confidence.CERTAIN)


def _refuses(condition: Condition) -> bool:
    failed = condition.type == "ReplicaFailure" and condition.status == "True"
    return failed or (condition.type == "Progressing" and condition.reason == "ReplicaSetCreateError")


def _by_event(workload: WorkloadFacts) -> Refusal | None:
    now, current = workload.facts.snapshot.at, {item.metadata.name for item in _in_use(workload)}
    own = [event for event in workload.events if event.reason in _EVENTS and event.involved_object.name in current]
    for event in (*reversed(own), *_of_unseen_replicasets(workload)):
        if now - (event.last_seen or now) <= RETRIED_WITHIN:
            return Refusal(_inner(event.message), evidence.event(event), Confidence.STRONG)
    return None


def _of_unseen_replicasets(workload: WorkloadFacts) -> Iterator[Event]:
    """Refusals of ReplicaSets that by their names are the workload's, where the objects were not read; latest first."""
    if workload.replicasets or workload.ref.kind != "Deployment":
        return
    of_template = lazy_pattern(re.escape(workload.name) + r"-[a-z0-9]{6,10}")
    for event in reversed(workload.facts.events_with("FailedCreate")):
        about = event.involved_object
        if (about.kind, about.namespace) == ("ReplicaSet", workload.namespace) and of_template.fullmatch(about.name):
            yield event


def _in_use(workload: WorkloadFacts) -> tuple[Workload, ...]:
    return (workload.workload, *(item for item in workload.replicasets if item.spec.replicas != 0))


def _inner(message: str) -> str:
    """What the API server said, without what the controller put before it."""
    return _INNER.split(message[:4_000], maxsplit=1)[-1].strip()


def exceeded(text: str) -> Exceeded | None:
    """A refusal for want of quota taken apart; None when it is another."""
    named = _QUOTA.search(text)
    if named is None:
        return None
    unset = re.search(r"must specify (.{1,300})", text)
    return Exceeded(
        name=named["name"] or named["other"],
        requested=_amounts(text, "requested"),
        used=_amounts(text, "used"),
        limited=_amounts(text, "limited"),
        unset=unset[1].strip() if unset else "",
    )


def _amounts(text: str, what: str) -> dict[str, str]:
    """`{resource: amount}` of a list such as `requested: requests.cpu=1,pods=1`."""
    found = re.search(rf"{what}: ((?:[\w./-]{{1,120}}=[^\s,\"\\]{{1,40}},?)+)", text)
    pairs = (item.partition("=") for item in found[1].split(",") if item) if found else ()
    return {name: amount for name, _, amount in pairs}


def at_workload(workload: WorkloadFacts, title: str, *steps: str) -> Fix:
    """What to change by hand on the workload."""
    kind, name = workload.ref.kind.lower(), workload.name
    where = f"Edit it: kubectl -n {workload.namespace} edit {kind}/{name}"
    if kind == "job":
        where = (
            f"The pods of a Job cannot be changed: correct them where job/{name} is made (its manifest, chart or "
            f"operator), kubectl -n {workload.namespace} delete job {name}, and let it be made again."
        )
    return advice(title, where, *steps)


def missing(workload: WorkloadFacts) -> int:
    """How many pods are wanted and not there: at least the one that was refused."""
    return max(1, workload.desired - len(workload.replicas))
