"""Which Job of a kind counts: one that still works is followed, one that has failed is followed by the next number.

Reads the Jobs that are there under the name, and from the log of the last pod how far an earlier try came.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.planning.patches import Document
from vops.runbooks.asks import LogAsk
from vops.runbooks.kinds import View
from vops.runbooks.seeding import CONTAINER, JOB_LABEL, Told, Wanted, job_name, read_lines

State = Literal["absent", "running", "complete"]
_MOST = 50


class Found(msgspec.Struct, frozen=True):
    """The Job to use: its name, whether it is there already, and what the last try under this name told."""

    name: str
    state: State
    told: Told = Told()


def find_job(wanted: Wanted, view: View) -> Found:
    """The first number that has not failed and, for a claim made anew since, is not older than the claim."""
    claim = view.find(Ref("PersistentVolumeClaim", wanted.claim, wanted.namespace))
    told = Told()
    for number in range(1, _MOST):
        name = job_name(wanted, number)
        job = view.find(Ref("Job", name, wanted.namespace))
        if job is None:
            return Found(name, "absent", told)
        told = _told(name, wanted.namespace, view) or told
        state = state_of(job)
        stale = claim is None or _created(job) < _created(claim)
        again = state == "complete" and (wanted.recheck or wanted.mode == "verify")
        if state != "failed" and not again and not (stale and state == "complete"):
            return Found(name, state, told)
    return Found(job_name(wanted, _MOST), "absent", told)


def state_of(job: Document) -> Literal["running", "complete", "failed"]:
    """What the Job's conditions say."""
    for item in job.get("status", {}).get("conditions", ()):
        if item["status"] == "True" and item["type"] in ("Complete", "Failed"):
            return "complete" if item["type"] == "Complete" else "failed"
    return "running"


def pods_of_job(name: str, namespace: str, pods: tuple[Pod, ...]) -> list[Pod]:
    """The Job's pods, the oldest first."""
    own = [pod for pod in pods if pod.metadata.namespace == namespace and pod.metadata.labels.get(JOB_LABEL) == name]
    return sorted(own, key=lambda pod: (str(pod.metadata.creation_timestamp), pod.metadata.name))


def _told(name: str, namespace: str, view: View) -> Told | None:
    pods = pods_of_job(name, namespace, view.snapshot.pods)
    if not pods:
        return None
    text: str = view.answer(LogAsk(namespace, pods[-1].metadata.name, CONTAINER))
    told = read_lines(text.splitlines())
    return told if told.of_files else None


def _created(document: Document) -> str:
    return str(document["metadata"].get("creationTimestamp", ""))
