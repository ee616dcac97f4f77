"""`k8s.rolloutStatus`: waits for a rollout as `kubectl rollout status` does, and fails at once when it cannot end."""

from __future__ import annotations

from datetime import datetime

import msgspec

from vops.model.pods import Pod
from vops.model.resources import PODS, REPLICASETS, Workload
from vops.planning.changes import kind_of
from vops.planning.progress import Phase, Progress, Wait, judge, new_pods
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, StepFault

KIND = "k8s.rolloutStatus"
GROUP = Group.WAIT
RIGHTS = ("get ref", "list pods", "list replicasets")
OUTPUTS: dict[str, str] = {}
PAUSE_S = 2.0


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The Deployment, StatefulSet or DaemonSet."""


async def run(args: Args, ports: Ports) -> Outcome:
    """Returns once it is rolled out. Raises StepFault with the reason when it cannot be, TimedOut at the deadline."""

    since = ports.clock.now()

    async def look() -> Progress:
        return await _progress(args, ports, since)

    while True:
        progress = await ports.patiently(look, pause_s=PAUSE_S)
        if progress is None:
            continue
        if progress.phase is Phase.DONE:
            return Outcome(says=(progress.message,))
        if progress.phase is Phase.FAILED:
            raise StepFault(progress.message, reason=progress.reason)
        ports.say(progress.message)


async def _progress(args: Args, ports: Ports, since: datetime) -> Progress:
    ref, cluster = args.ref.ref, ports.cluster
    document = await cluster.get(kind_of(ref), ref.name, ref.namespace)
    workload = msgspec.structs.replace(msgspec.convert(document, Workload), kind=ref.kind)
    labels = workload.spec.selector.match_labels
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    listed = await cluster.list(PODS, ref.namespace, label_selector=selector)
    pods = [item for item in listed.items if isinstance(item, Pod)]
    replicasets: list[Workload] = []
    if ref.kind == "Deployment":
        sets = await cluster.list(REPLICASETS, ref.namespace, label_selector=selector)
        replicasets = [item for item in sets.items if isinstance(item, Workload)]
    going = any(pod.metadata.deletion_timestamp is not None for pod in pods)
    wait = Wait(since, ports.clock.now())
    return judge(workload, new_pods(workload, replicasets, pods), wait, terminating=going)
