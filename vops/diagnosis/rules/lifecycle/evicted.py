"""The kubelet evicted the pod because a limit of its own, or the node's resources, ran out.

What it finds
    Pod.status.reason Evicted, with what ran out.

Why it matters
    An emptyDir that holds the model's cache counts against its limit and the node's disk: the next pod is evicted too.

Evidence
    Pod.status, the event, and the volume with its limit.

Fix
    By hand: a size limit of 1.2 times the weights, or a PersistentVolumeClaim for the cache.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule

_VOLUME = re.compile(r'EmptyDir volume "(?P<name>[\w.-]{1,63})" exceeds the limit "(?P<limit>[^"]{1,40})"')


@rule(cause="evicted", branch=Branch.GONE, explains={"host-oom"}, order=10)
def evicted(replica: Replica) -> Verdict | None:
    status = replica.pod.status
    if status.reason != "Evicted":
        return None
    volume = _VOLUME.search(status.message)
    about = [item for item in replica.events if item.reason == "Evicted"]
    limit: tuple[Evidence, ...] = ()
    if volume is not None:
        summary = f"{replica.name} was evicted: its volume {volume['name']} outgrew its limit of {volume['limit']}"
        step = f"Raise sizeLimit of {volume['name']} to 1.2 times the weights, or keep the cache on a PVC."
        limit = (evidence.pod_field(f"spec.volumes[{volume['name']}].emptyDir.sizeLimit", volume["limit"]),)
    else:
        summary = f"{replica.name} was evicted: {status.message.strip(' .')[:160]}"
        step = "Request what the pod really uses (memory, ephemeral-storage), or keep its cache on a PVC."
    return Verdict(
        summary=summary,
        evidence=(
            evidence.pod_field("status", f"{status.reason}: {status.message}"),
            *(evidence.event(item) for item in about[-1:]),
            *limit,
        ),
        confidence=Confidence.CERTAIN,
        fixes=(remedies.by_steps(replica, "Give the cache room", (step,)),),
    )
