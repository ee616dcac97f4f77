"""`verify`: observes again, and says whether the cause is gone: fixed, changed to another one, or unchanged.

Only pods of the present template count, the old ones are leaving. Loading within the startup budget is on its way, so
it keeps watching until the workload serves, a fault has shown itself long enough, or time is up.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts, WorkloadFacts, pod_ref
from vops.diagnosis.findings import Finding, Severity
from vops.diagnosis.states import ReplicaState
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.planning.progress import Phase, new_pods, rollout_progress
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, Result, StepFault, Verdict

KIND = "verify"
GROUP = Group.WAIT
RIGHTS = ("list pods",)
OUTPUTS: dict[str, str] = {}
PAUSE_S = 5.0
_SERVE = ("Deployment", "StatefulSet")
SETTLE_S = 60.0
"""How long a fault has to last to count: a new pod waits for its predecessor's GPUs, a first probe may fail."""


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The Deployment or StatefulSet that shall serve, or the autoscaler or exporter that shall be well."""
    causes: tuple[str, ...]
    """The causes that were to be removed."""


async def run(args: Args, ports: Ports) -> Outcome:
    """The verdict. Raises TimedOut when there is none in time."""
    ref = args.ref.ref
    watch = _Watch(args.causes)

    async def look() -> ClusterSnapshot:
        return await ports.observe(ref)

    while True:
        snapshot = await ports.patiently(look, pause_s=PAUSE_S)
        if snapshot is None:
            continue
        verdict = watch.judge(snapshot, ref)
        if verdict is not None:
            return Outcome(says=(verdict.summary,), verdict=verdict)
        ports.say(watch.state)


class _Watch:
    """What was seen so far: which pod had which fault first when.

    A crash-looping pod looks as if it loaded between two crashes, so a fault that is gone is not forgotten.
    """

    def __init__(self, causes: tuple[str, ...]) -> None:
        self._causes = causes
        self._since: dict[tuple[str, str], datetime] = {}
        self.state = ""

    def judge(self, snapshot: ClusterSnapshot, ref: Ref) -> Verdict | None:
        """The verdict on one snapshot; None while things are on their way."""
        facts = Facts(snapshot)
        if ref.kind not in _SERVE:
            return self._of_another(facts, ref)
        workload = facts.workload(ref.kind, ref.namespace, ref.name)
        if workload is None:
            raise StepFault(f"{ref} is gone")
        if not workload.desired:
            raise StepFault(f"{ref} asks for no replicas, so nothing can show whether it serves")
        faults = _faults(facts, workload)
        if not faults and _serves(workload):
            return Verdict(Result.FIXED, f"{ref}: {workload.ready} of {workload.desired} serve")
        self.state = _state(workload, faults)
        return self._lasting(faults, snapshot.at)

    def _of_another(self, facts: Facts, ref: Ref) -> Verdict | None:
        """An autoscaler or an exporter is well without errors, and without what was to be removed."""
        report = diagnose(facts, ref)
        if report.state == "absent":
            raise StepFault(f"{ref} is gone")
        scaler = facts.scaler(ref.kind, ref.namespace, ref.name) if ref.kind != "DaemonSet" else None
        if scaler is not None and not scaler.resource.status.conditions:
            self.state = "nobody has looked at it yet"
            return None
        faults = tuple(
            item for item in report.findings if item.severity is Severity.ERROR or item.cause in self._causes
        )
        self.state = faults[0].summary if faults else report.summary
        if not faults:
            return Verdict(Result.FIXED, f"{ref}: {report.summary}")
        return self._lasting(faults, facts.snapshot.at)

    def _lasting(self, faults: tuple[Finding, ...], at: datetime) -> Verdict | None:
        """The verdict on the first fault that has lasted."""
        for item in faults:
            since = self._since.setdefault((item.subject.uid, item.cause), at)
            if (at - since).total_seconds() < SETTLE_S:
                continue
            result = Result.UNCHANGED if item.cause in self._causes else Result.CHANGED
            return Verdict(result, f"{item.subject}: {item.summary}", item.cause)
        return None


def _serves(workload: WorkloadFacts) -> bool:
    rolled_out = rollout_progress(workload.workload).phase is Phase.DONE
    return rolled_out and workload.ready >= workload.desired


def _faults(facts: Facts, workload: WorkloadFacts) -> tuple[Finding, ...]:
    """What is wrong with the pods of the present template, errors only, root causes first."""
    present = new_pods(workload.workload, facts.snapshot.replicasets, facts.snapshot.pods)
    reports = (diagnose(facts, pod_ref(pod)) for pod in present)
    return tuple(item for report in reports for item in report.findings if item.severity is Severity.ERROR)


def _state(workload: WorkloadFacts, faults: tuple[Finding, ...]) -> str:
    """One line: how many are ready, how many load, and what stands in the way at present."""
    loading = sum(item.state is ReplicaState.LOADING for item in workload.replicas)
    words = [f"{workload.ready} of {workload.desired} ready"]
    words += [f"{loading} loading"] if loading else []
    words += [faults[0].summary] if faults else []
    return ", ".join(words)
