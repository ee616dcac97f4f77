"""`gpu.fit`: whether a rolling update of a workload can end on the GPUs that there are, and what it costs meanwhile.

Counts the places for one more replica on every node (taints, selectors, affinity, CPU, memory and GPUs, as the
scheduler would), then runs the model of vops.planning.rollout. Where inter-pod affinity, topology spread, host ports
or volumes have a say, each new pod is placed by all of the scheduler's filters instead of by counting. What could not
be read, or would take too long to go through, it says.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vops.diagnosis.facts import Replica, WorkloadFacts
from vops.diagnosis.placement.filters.volumes import claim_names
from vops.diagnosis.placement.recompute import NodeFit, Placement
from vops.diagnosis.placement.supposed import Supposed
from vops.diagnosis.states import ReplicaState
from vops.model.objects import Meta
from vops.model.pods import Pod, PodSpec, Toleration
from vops.model.rollouts import Bounds, bounds
from vops.planning.patches import Document, make_patch
from vops.planning.pointers import lookup
from vops.planning.progress import new_pods
from vops.planning.rollout import Fleet, OldPod, simulate
from vops.planning.rollout import Outcome as Course
from vops.runbooks.claims import facts_with_storage
from vops.runbooks.kinds import Group, Outcome, RefArg, StepFault, View
from vops.runbooks.steps import k8s_patch

KIND = "gpu.fit"
GROUP = Group.LOOK
OUTPUTS = {
    "ends": "bool",
    "endsStoppingFirst": "bool",
    "endsRecreating": "bool",
    "reason": "string",
    "kind": "string",
    "replicas": "int",
    "serving": "int",
    "minServing": "int",
    "minServingStoppingFirst": "int",
    "freePlaces": "int",
    "loadSeconds": "any",
    "waitsFor": "list",
}
STOPPING_FIRST = Bounds(surge=0, unavailable=1)
_MOST_PLACEMENTS = 20_000
"""Replicas times nodes up to which every new pod is placed by all filters."""
_MOST_COUNTED = 64


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """The Deployment or StatefulSet."""
    tolerations: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """Tolerations that the new pods will have besides those of the template."""
    container: str = ""
    """The vLLM container's name, for places that start with `@vllm`."""
    set: dict[str, Any] = msgspec.field(default_factory=dict)
    """Place → value of the k8s.patch that is to follow, so that the new pods are looked for a place as they will be."""
    append: dict[str, list[Any] | None] = msgspec.field(default_factory=dict)
    """What that k8s.patch will append."""
    remove: tuple[str, ...] = ()
    """What it will remove."""
    template: bool = True
    """Whether the pod template is about to change, so that every pod is replaced; else a rollout under way goes on."""
    rollout: bool = True
    """Whether there is a rollout to judge at all; without one only the places for more pods are counted."""


def look(args: Args, view: View) -> Outcome:
    """`ends` with the present strategy, `endsStoppingFirst` with maxSurge 0 and maxUnavailable 1, and the cost."""
    workload = _workload(args, view)
    replicas = workload.desired
    serving = sum(replica.state is ReplicaState.READY for replica in workload.replicas)
    load_s = _load_seconds(workload)
    common = {
        "kind": workload.ref.kind,
        "replicas": replicas,
        "serving": serving,
        "loadSeconds": load_s,
    }
    fleet, exact, unchecked = _fleet(args, workload, view)
    places = _more(exact) if exact else sum(free // fleet.gpus for free in fleet.free.values())
    if not args.rollout:
        said = f"There are GPUs for {places} more."
        return Outcome(_unrolled(common, places), (said, *_doubts(unchecked)))
    if workload.ref.kind == "StatefulSet":
        return _ordered(workload, _document(args, view), {**common, "freePlaces": places}, args)
    present = simulate(fleet, bounds(workload.workload.spec.strategy, replicas), exact)
    first = simulate(fleet, STOPPING_FIRST, exact)
    outputs = {
        **common,
        "ends": present.ends,
        "endsStoppingFirst": first.ends,
        "endsRecreating": simulate(fleet, None, exact).ends,
        "reason": present.reason or first.reason,
        "minServing": present.min_available,
        "minServingStoppingFirst": first.min_available,
        "freePlaces": places,
        "waitsFor": [],
    }
    course = present if present.ends else first
    return Outcome(outputs, (*_cost(args, course, common), *_doubts(unchecked)))


def _unrolled(common: Document, places: int) -> Document:
    """What is known where nothing is rolled out."""
    serving = common["serving"]
    ways = dict.fromkeys(("ends", "endsStoppingFirst", "endsRecreating"), True)
    least = {"minServing": serving, "minServingStoppingFirst": serving}
    return {**common, **ways, **least, "reason": "", "freePlaces": places, "waitsFor": []}


def _workload(args: Args, view: View) -> WorkloadFacts:
    found = view.facts.workload(args.ref.kind, args.ref.namespace, args.ref.name)
    if found is None:
        raise StepFault(f"{args.ref.ref} runs no vLLM server that can be seen")
    return found


def _fleet(args: Args, workload: WorkloadFacts, view: View) -> tuple[Fleet, Supposed | None, tuple[str, ...]]:
    """The rollout's start, in places for a pod when it asks for no GPU, whom to ask where counting is not enough, and
    what is not a part of the proof."""
    pod = _new_pod(args, view)
    facts = facts_with_storage(view, args.ref.namespace) if claim_names(pod) else view.facts
    placement = facts.placement(pod)
    gpus = placement.gpus or 1
    free = {fit.name: _free(placement, fit, gpus) for fit in placement.fits if fit.allowed and not fit.full}
    young = _young(args, workload, view)
    replicas = [item for item in workload.replicas if item.state is not ReplicaState.TERMINATING]
    for item in workload.replicas:
        if item.state is ReplicaState.TERMINATING and item.node and item.node.metadata.name in free:
            free[item.node.metadata.name] += item.gpu_count or 1
    old = [item for item in replicas if item.pod.metadata.uid not in young]
    leaving = frozenset(item.pod.metadata.uid for item in workload.replicas) - {
        item.pod.metadata.uid for item in replicas
    }
    fleet = Fleet(
        replicas=workload.desired,
        gpus=gpus,
        old_gpus=max((item.gpu_count for item in old), default=0) or 1,
        free=free,
        old=tuple(
            OldPod(item.pod.spec.node_name, item.state is ReplicaState.READY, item.pod.metadata.uid) for item in old
        ),
        new_nodes=tuple(item.pod.spec.node_name for item in replicas if item.pod.metadata.uid in young),
    )
    counting = not placement.constraints and not any(fit.repulsions for fit in placement.fits)
    if counting:
        return fleet, None, ()
    if workload.desired * len(placement.fits) > _MOST_PLACEMENTS:
        return fleet, None, placement.constraints
    return fleet, Supposed(facts, pod, leaving), placement.unchecked


def _more(exact: Supposed) -> int:
    """How many more pods find a place now."""
    nodes: list[str] = []
    while len(nodes) < _MOST_COUNTED and (node := exact.next((), nodes)):
        nodes.append(node)
    return len(nodes)


def _document(args: Args, view: View) -> Document:
    found = view.find(args.ref.ref)
    if found is None:
        raise StepFault(f"{args.ref.ref} is gone")
    return found


def _new_pod(args: Args, view: View) -> Pod:
    document = _document(args, view)
    wishes = k8s_patch.Args(args.ref, args.container, set=args.set, append=args.append, remove=args.remove)
    after = make_patch(document, k8s_patch.edits_for(document, wishes)).after
    template = lookup(after, ("spec", "template"))
    spec = msgspec.convert(template["spec"], PodSpec)
    labels = (template.get("metadata") or {}).get("labels") or {}
    meta = Meta(namespace=args.ref.namespace, labels=labels)
    more = tuple(msgspec.convert(item, Toleration) for item in args.tolerations)
    return Pod(metadata=meta, spec=msgspec.structs.replace(spec, tolerations=(*spec.tolerations, *more)))


def _young(args: Args, workload: WorkloadFacts, view: View) -> frozenset[str]:
    """The uids of pods that already have the template to be rolled out; none when the template is about to change."""
    if args.template:
        return frozenset()
    pods = new_pods(workload.workload, view.snapshot.replicasets, view.snapshot.pods)
    return frozenset(pod.metadata.uid for pod in pods)


def _free(placement: Placement, fit: NodeFit, gpus: int) -> int:
    """GPUs on a node that new pods could take, bounded by what else they need there; less than one pod's may be free,
    and enough once an old pod of fewer GPUs is gone."""
    places = {name: int(placement.free(fit.node, name) // wanted) for name, wanted in placement.wanted.items()}
    spare = int(placement.free(fit.node, placement.gpu_resource)) if placement.gpus else gpus
    places.pop(placement.gpu_resource, None)
    return max(0, min((spare, *(count * gpus for count in places.values()))))


def _load_seconds(workload: WorkloadFacts) -> int | None:
    """The longest that a replica which serves now took from its start to Ready; None when nothing tells."""
    return max((took for replica in workload.replicas if (took := _loaded_in(replica)) is not None), default=None)


def _loaded_in(replica: Replica) -> int | None:
    ready = replica.pod.condition("Ready")
    running = replica.status.state.running if replica.status else None
    if ready is None or ready.status != "True" or running is None:
        return None
    if ready.last_transition_time is None or running.started_at is None:
        return None
    return max(0, round((ready.last_transition_time - running.started_at).total_seconds()))


def _ordered(workload: WorkloadFacts, document: Document, common: Document, args: Args) -> Outcome:
    """A StatefulSet: one pod after the other, and with ordered management none while one is not ready."""
    ordered = document["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"
    broken = [item for item in workload.replicas if item.state is not ReplicaState.READY]
    waits = [
        {"kind": "Pod", "name": item.name, "namespace": item.namespace, "uid": item.pod.metadata.uid} for item in broken
    ]
    least = max(0, common["serving"] - 1)
    outputs = {
        **common,
        "ends": not (ordered and waits),
        "endsStoppingFirst": False,
        "endsRecreating": False,
        "reason": "an ordered StatefulSet does not update past a pod that is not ready" if ordered and waits else "",
        "minServing": least,
        "minServingStoppingFirst": least,
        "waitsFor": waits if ordered else [],
    }
    return Outcome(outputs, _cost(args, None, common))


def _cost(args: Args, course: Course | None, common: Document) -> tuple[str, ...]:
    """The blast radius in a sentence or two."""
    replicas, serving, load_s = common["replicas"], common["serving"], common["loadSeconds"]
    least = course.min_available if course is not None else max(0, serving - 1)
    each = "" if load_s is None else f"; the last start took {load_s} s"
    every = "the only replica" if replicas == 1 else f"all {replicas} replicas"
    what = f"Replaces {every}" if args.template else "Lets the rollout under way go on"
    if not serving:
        return (f"{what}; none serves now, so nothing is lost{each}.",)
    if least >= serving:
        those = "the one that serves now goes" if serving == 1 else f"all {serving} that serve now go"
        return (f"{what} while {those} on serving{each}.",)
    outage = " That is an outage until a new one is ready." if least == 0 else ""
    return (f"{what}; meanwhile {least} of {serving} serve{each}.{outage}",)


def _doubts(unchecked: tuple[str, ...]) -> tuple[str, ...]:
    return (f"Not part of the capacity proof: {', '.join(unchecked)}.",) if unchecked else ()
