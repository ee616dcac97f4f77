"""The pod waits for a scheduling gate to be lifted, or for the other pods of its group.

What it finds
    Pod.spec.schedulingGates is not empty, so the scheduler does not look at the pod; or the scheduler says that it
    waits for the rest of a gang (pod group), of which too few pods are there.

Why it matters
    A queue (Kueue and its like) holds the pod back on purpose, and lifts the gate when quota is there.

Evidence
    The gates by name, and the queue that the pod's labels name.

Fix
    None by vops: ask the owner of the gate.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern

_GANG = lazy_pattern(
    r"\b[Gg]ang\b|[Pp]od ?[Gg]roup\b|Coscheduling|enough sibling pods|\bmin(?:Count|Member|Available)\b"
    r"|Resources were found for \d{1,6} pods while|Waiting for \d{1,6} pods, currently|Insufficient scheduled pods"
    r"|[Pp]od is gated: "
)
"""Kubernetes' own gang scheduling (1.35 and later), Volcano's, KAI's, Koordinator's and the Coscheduling plugin's."""

_NO_QUOTA = lazy_pattern(
    r"couldn't assign flavors to pod set.{0,400}|[Ww]orkload didn't fit in .{0,200}|The workload has exceeded the quota"
    r"|(?:Local|Cluster)Queue \S{1,253} (?:is inactive|doesn't exist)"
    r"|Can't admit new workloads: .{0,300}|Can't submit new workloads to [cC]lusterQueue|Queue \"[\w.-]{1,253}\" "
    r"does not exist|queue resource quota "
    r"insufficient.{0,300}"
)
_OVER_QUOTA = lazy_pattern(
    r"Workload requested .{1,60}, but .{1,200} quota is .{1,200}"
    r"|\S{1,253} quota has reached the allowable limit .{0,300}"
    r"|Non-?[Pp]reemptible ?(?:workload is over quota|OverQuota).{0,300}"
    r"|queue resource quota insufficient.{0,300}"
    r"|(?:Request '[^']{1,253}' does not fit in queue|Insufficient quotas, quotaName:) .{1,400}"
)
"""KAI's words (unschedulable_info.go of its scheduler) for a queue's share, and Run:ai's, Volcano's, YuniKorn's and
Koordinator's."""

_SHARES = {
    "queue resource quota": "See what the queue may have and uses: kubectl get queues.scheduling.volcano.sh -o yaml",
    "Request '": "See the queue's limits and what runs in it: kubectl get configmaps -A | grep yunikorn-configs",
    "Insufficient quotas": "See what the quota has and uses: kubectl get elasticquotas -A -o yaml",
}
_OF_KAI = "See what the queues have and use: kubectl get queues.scheduling.run.ai -o yaml"
_QUEUE = "kueue.x-k8s.io/queue-name"
_OWNERS = {
    "kueue.x-k8s.io/": "Kueue",
    "grove.io/": "Grove",
    "gke.io/": "GKE's topology-aware scheduler",
    "karmada.io/": "Karmada",
    "jobset.sigs.k8s.io/": "JobSet",
    "leaderworkerset.sigs.k8s.io/": "LeaderWorkerSet",
}


@rule(cause="scheduling-gated", branch=Branch.SCHEDULE, order=0)
def scheduling_gated(replica: Replica) -> Verdict | None:
    names = [gate.name for gate in replica.pod.spec.scheduling_gates]
    said = replica.placement.scheduler
    gates = ", ".join(names) or (said.gates.strip("[]") if said is not None else "")
    if not gates:
        return _queued(replica) or _gang(replica)
    owner = next((owner for prefix, owner in _OWNERS.items() if gates.startswith(prefix)), "")
    queue = replica.pod.metadata.labels.get(_QUEUE, "")
    by = f" of {owner}" if owner else ""
    in_queue = (evidence.pod_field(f"metadata.labels[{_QUEUE}]", queue),) if queue else ()
    return Verdict(
        summary=f"{replica.name} is held back by the scheduling gate {gates}{by}",
        evidence=(evidence.pod_field("spec.schedulingGates", gates), *in_queue),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(remedies.advice("Ask the gate's owner", *_steps(replica, gates, owner, queue)),),
    )


def _queued(replica: Replica) -> Verdict | None:
    """A pod whose workload Kueue does not admit, by its own words."""
    said = replica.placement.scheduler
    if said is not None and (over := _OVER_QUOTA.search(said.text)):
        return _over_quota(replica, over[0])
    if said is None or not (match := _NO_QUOTA.search(said.text)):
        return None
    return Verdict(
        summary=f"Kueue holds {replica.name} back: {match[0].strip(' .')[:200]}",
        evidence=evidence.scheduler(replica),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "Name a queue that is there and takes workloads",
                f"See the queues: kubectl -n {replica.namespace} get localqueues; kubectl describe clusterqueues",
                f"Set the label {_QUEUE} to one of them; one that is inactive tells in its conditions what it lacks.",
            )
            if "Queue" in match[0].split()[0]
            else remedies.advice(
                "Wait for the queue, or have its quota raised",
                f"See what holds the quota: kubectl -n {replica.namespace} get workloads; kubectl get clusterqueues "
                f"-o yaml",
                "Ask for no more than the flavor's nominalQuota (with borrowingLimit), or have the ClusterQueue's "
                "quota raised: its administrator decides.",
            ),
        ),
    )


def _over_quota(replica: Replica, words: str) -> Verdict:
    """A pod whose queue has its share already, by the word of its scheduler."""
    return Verdict(
        summary=f"The queue of {replica.name} has its quota in use: {words.strip(' .')[:200]}",
        evidence=evidence.scheduler(replica),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "Free the queue's quota, or have it raised",
                next((step for sign, step in _SHARES.items() if words.startswith(sign)), _OF_KAI),
                "Give the workload a preemptible priority class, which may go over quota where GPUs are free; or scale "
                "down what the queue runs; or have its administrator raise the quota.",
            ),
        ),
    )


def _gang(replica: Replica) -> Verdict | None:
    """A pod that is scheduled with its group or not at all; where nodes are short, that is the cause."""
    said = replica.placement.scheduler
    if said is None or said.reasons or not _GANG.search(said.text):
        return None
    return Verdict(
        summary=f"{replica.name} is held back until enough pods of its group are there",
        evidence=evidence.scheduler(replica),
        confidence=Confidence.CERTAIN,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "Complete the group",
                "See that every pod of the group was made, and that its minimum (minCount, minMember) is not more than "
                "its workload makes.",
                f"Groups and queues: kubectl -n {replica.namespace} get podgroups,workloads",
            ),
        ),
    )


def _steps(replica: Replica, gates: str, owner: str, queue: str) -> tuple[str, ...]:
    if owner != "Kueue":
        return (f"Find what holds {gates}: its queue or quota decides; {owner or 'its controller'} lifts it.",)
    see = f"See whether it was admitted, and what quota it lacks: kubectl -n {replica.namespace} get workloads"
    if queue:
        return (see, f"Queue {queue}: kubectl -n {replica.namespace} describe localqueue {queue}")
    return (see, f"The pod names no queue: give its workload the label {_QUEUE}.")
