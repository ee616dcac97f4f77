"""The pods that a wait depends on: which of them cannot start, and the cause, as a diagnosis tells it.

A pod is stuck by the same measure as in a rollout (vops.planning.progress): nobody takes it for two minutes, its image
or its container cannot be had, or it has crashed again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts, pod_ref
from vops.diagnosis.findings import Severity
from vops.errors import VopsError
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import PODS, REPLICASETS, Workload
from vops.planning.patches import Document
from vops.planning.progress import Wait, new_pods, stuck
from vops.ports import Cluster
from vops.runbooks.kinds import Ports, StepFault
from vops.runbooks.pods import is_ready, selector_of

NEW = "new"
"""Those of the present template, in place of a label selector."""


class Watched(msgspec.Struct, frozen=True):
    """The pods of one look; `leaving` says that others are on their way out, so that one may wait for their GPUs."""

    pods: tuple[Pod, ...] = ()
    leaving: bool = False


async def watched_pods(cluster: Cluster, ref: Ref, document: Document, which: str) -> Watched:
    """The pods that `which` means, a label selector or NEW."""
    selector = selector_of(document) if which == NEW else which
    listed = await cluster.list(PODS, ref.namespace, label_selector=selector)
    every = tuple(item for item in listed.items if isinstance(item, Pod))
    pods = tuple(pod for pod in every if pod.metadata.deletion_timestamp is None)
    leaving = len(pods) < len(every)
    if which != NEW:
        return Watched(pods, leaving)
    sets = await cluster.list(REPLICASETS, ref.namespace, label_selector=selector) if ref.kind == "Deployment" else None
    owned = [item for item in (sets.items if sets else ()) if isinstance(item, Workload)]
    workload = msgspec.structs.replace(msgspec.convert(document, Workload), kind=ref.kind)
    return Watched(new_pods(workload, owned, pods), leaving)


class Tally:
    """What conditions see of each pod, and how often each name has been given to another pod since the wait began."""

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._uids: dict[str, set[str]] = {}

    def values(self, watched: Watched, now: datetime) -> list[dict[str, Any]]:
        """`stuck` says why a pod cannot start, and is empty where that cannot be said."""
        wait = Wait(self._since, now)
        return [self._value(pod, wait, leaving=watched.leaving) for pod in watched.pods]

    def _value(self, pod: Pod, wait: Wait, *, leaving: bool) -> dict[str, Any]:
        uids = self._uids.setdefault(pod.metadata.name, set())
        uids.add(pod.metadata.uid)
        return {**_seen(pod, wait, leaving=leaving), "remade": len(uids) - 1}


def _seen(pod: Pod, wait: Wait, *, leaving: bool) -> dict[str, Any]:
    found = stuck(pod, wait, terminating=leaving)
    return {
        "name": pod.metadata.name,
        "node": pod.spec.node_name,
        "ready": is_ready(pod),
        "restarts": sum(status.restart_count for status in pod.status.container_statuses),
        "stuck": found.message if found else "",
        "reason": found.reason if found else "",
        "seconds": wait.seconds(pod.metadata.creation_timestamp),
    }


async def cause_of(pods: Sequence[Pod], values: Sequence[Document], ports: Ports) -> StepFault | None:
    """Why the first of the pods that are stuck is, as a diagnosis of it says; None when none is."""
    for pod, value in zip(pods, values, strict=True):
        if value["stuck"]:
            return await _diagnosed(pod, value, ports)
    return None


async def _diagnosed(pod: Pod, value: Document, ports: Ports) -> StepFault:
    ref = pod_ref(pod)
    hint = f"vops diagnose {ref.name} -n {ref.namespace}"
    try:
        report = diagnose(Facts(await ports.observe(ref)), ref)
    except VopsError:
        return StepFault(value["stuck"], reason=value["reason"], hint=hint)
    found = next((item for item in report.findings if item.severity is Severity.ERROR), None)
    if found is None:
        return StepFault(value["stuck"], reason=value["reason"], hint=hint)
    return StepFault(f"{value['stuck']}; {found.cause}: {found.summary}", reason=value["reason"], hint=hint)
