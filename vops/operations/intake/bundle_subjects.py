"""Objects that stand for those which events are about, where a bundle has events and nothing else.

What somebody pasted is often the events alone. They tell of a pod where it has got to and how its container stands, of
a ReplicaSet that its pods are refused, of a claim that it has no volume. Nothing is made up beyond that, and every such
object is marked, so that nobody takes it for one that was seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from vops.diagnosis.facts import STAND_IN
from vops.diagnosis.placement.scheduler_text import by_scheduler
from vops.diagnosis.starting.companions import runs_before, stands_beside
from vops.diagnosis.starting.creation import REFUSED
from vops.model.objects import Condition, Meta, OwnerReference, Resource
from vops.model.patterns import lazy_pattern
from vops.model.pods import (
    Container,
    ContainerState,
    ContainerStatus,
    HttpGet,
    Pod,
    PodSpec,
    PodStatus,
    Probe,
    Running,
    Terminated,
    Volume,
    Waiting,
)
from vops.model.resources import Event, PodTemplate, Workload, WorkloadSpec, WorkloadStatus
from vops.model.storage import ClaimSpec, ClaimStatus, PersistentVolumeClaim
from vops.operations.intake.bundle_images import image_told_of
from vops.operations.intake.bundle_node_subjects import (
    NO_NODE,
    REFUSED_BY_NODE,
    TAKEN_BACK,
    claim_told_of,
    node_told_of,
    serving_on,
    with_its_victim,
)
from vops.operations.intake.bundle_scaler_subjects import autoscaler, scaled_object

UNNAMED = "pod"
"""What a pod is called that its events do not name."""

Found = tuple[str, Resource]

_ENDED = (
    "Evicted",
    "Preempted",
    *REFUSED_BY_NODE,
    "Terminated",
    "Evict",
    *TAKEN_BACK,
)
_DISRUPTED = {
    "Preempted": "PreemptionByScheduler",
    "Evict": "PreemptionByScheduler",
    "TaintManagerEviction": "DeletionByTaintManager",
}
"""What ends a pod without a reason in its status; KAI and Volcano call it Evict."""

_LIVES = ("Pulling", "Pulled", "Created", "Started")
"""What is told of a pod that is there again under its name, whatever became of the one before."""

_GROUP_READY = "pod group is ready"
"""Volcano's last word about a group whose pods all have a node."""

_LATE = "ProgressDeadlineExceeded"
CREATES = ("FailedCreate", "ReplicaSetCreateError")
_CLUSTER_WIDE = ("ScaleUpFailed", "FailedToScaleUpGroup", "ScaleUpTimedOut", "InsufficientCapacityError")
_AS_TOLD = ("ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable", "SignatureValidationFailed")
_WAITING = {"FailedPostStartHook": "PostStartHookError", **{reason: reason for reason in _AS_TOLD}}
_UNSTARTED = "failed to create containerd task"
_CONFIG = lazy_pattern(r"(?:secret|configmap) \"|couldn't find key|runAsNonRoot|non-numeric user")
_REASON = lazy_pattern(
    r"Error: ((?:Err|Image|Create|Run|Registry|Invalid|Signature|PreCreate)[A-Za-z]{3,40})(?=$|[\s.,;`)])"
)
_NODE = lazy_pattern(r"Successfully assigned \S{1,512} to (\S{1,253})")
_CONTAINER = lazy_pattern(
    r"(?:failed container[ =]|Container |container[ =]|Created container:? |Started container )"
    r"(?!create failed|init(?: caused|: )|process\b|has |is |was )(?P<name>[a-z0-9-]{1,63})\b"
)
_FIELD = lazy_pattern(r"spec\.(?:initC|c)ontainers\{([a-z0-9-]{1,63})\}")
_PROBED = lazy_pattern(r"(?i:(startup|liveness|readiness) probe (?:failed|errored))|failed (startup|liveness) probe")
_UNWELL = "statuscode: 503"
"""A server that answers so has been up: how long ago it was started tells. One that refuses may be loading."""
_WITH_REASON = ": ErrImagePull: "
_CLASS = lazy_pattern(r'storageclass(?:\.storage\.k8s\.io)? "([\w.-]{1,253})" not found')
_UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
_PATIENCE_S = 180
"""Longer than any provisioner takes to make a volume."""

_HASH = lazy_pattern(r"-[a-z0-9]{6,10}")
_NOT_A_NAME = frozenset({"image", "created", "started", "could", "was", "has", "is", "failed", "runtime", "with"})


def objects_of(events: Iterable[Event], source: str) -> list[Found]:
    """Each object that the events are about, with its kind; `source` says where the events were read."""
    about: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in events:
        about[event.involved_object.kind, event.involved_object.namespace, event.involved_object.name].append(event)
    found: list[Found] = []
    for (kind, namespace, name), several in about.items():
        ordered = sorted(several, key=lambda event: event.last_seen or datetime.max.replace(tzinfo=UTC))
        if kind in _MAKERS:
            found += _MAKERS[kind](Meta(name, namespace, annotations={STAND_IN: source}), ordered)
    wide = any(event.reason in _CLUSTER_WIDE for several in about.values() for event in several)
    if wide and not any(kind == "Pod" for kind, _ in found):
        found += _pod(Meta(UNNAMED, annotations={STAND_IN: source}), [])
    pods = [item for _, item in found if isinstance(item, Pod)]
    placed = with_its_victim(pods)
    if len(placed) == len(pods):
        return found
    return [*(item for item in found if item[0] != "Pod"), *(("Pod", pod) for pod in placed)]


# --- pods -------------------------------------------------------------------------------------------------


def _pod(meta: Meta, events: Sequence[Event]) -> list[Found]:
    if events and events[-1].message == _GROUP_READY:
        return []
    last = next((item for item in reversed(events) if _has_ended(item) or item.reason in _LIVES), None)
    ended = last if last is not None and _has_ended(last) else None
    node = next((match[1] for item in events if (match := _NODE.match(item.message))), "")
    waits = not node and all(item.reason in NO_NODE or by_scheduler(item) for item in events)
    name = _container_name(events)
    status = None if waits or ended is not None else _container_status(name, events)
    probes = {(match[1] or match[2]).lower() for item in events if (match := _PROBED.search(item.message))}
    before = any(item.involved_object.field_path == f"spec.initContainers{{{name}}}" for item in events)
    container = Container(
        name=name,
        image=image_told_of(item.message for item in events),
        command=("vllm", "serve"),
        startup_probe=_PROBE if "startup" in probes else None,
        liveness_probe=_PROBE if "liveness" in probes else None,
        readiness_probe=_PROBE if "readiness" in probes else None,
    )
    pod = Pod(
        metadata=meta,
        spec=PodSpec(containers=(container,), node_name="" if waits else node or "unknown"),
        status=PodStatus(
            phase="Failed" if ended is not None else "Pending" if waits or status is None else "Running",
            reason=ended.reason if ended is not None and ended.reason not in _DISRUPTED else "",
            message=ended.message if ended is not None else "",
            conditions=(Condition("PodScheduled", "False" if waits else "True"), *_disruption(ended)),
            container_statuses=(status,) if status is not None else (),
        ),
    )
    another = name not in meta.name and bool(status and status.restart_count)
    if before or (another and runs_before(name)):
        pod = _with_its_server(pod)
    elif another and stands_beside(name):
        pod = _beside_its_server(pod)
    return [("Pod", pod)]


def _with_its_server(pod: Pod) -> Pod:
    """A pod of whose init container events tell, with the server that waits for it."""
    own, states = pod.spec.containers, pod.status.container_statuses
    waits = ContainerStatus(name="server", state=ContainerState(waiting=Waiting("PodInitializing")))
    server = Container(name="server", command=("vllm", "serve"))
    first = tuple(msgspec.structs.replace(item, command=()) for item in own)
    return msgspec.structs.replace(
        pod,
        spec=msgspec.structs.replace(pod.spec, containers=(server,), init_containers=first),
        status=msgspec.structs.replace(pod.status, container_statuses=(waits,), init_container_statuses=states),
    )


def _beside_its_server(pod: Pod) -> Pod:
    """A pod of whose sidecar events tell, with the server that runs beside it."""
    own = tuple(msgspec.structs.replace(item, command=()) for item in pod.spec.containers)
    runs = ContainerStatus(name="server", ready=True, state=ContainerState(running=Running()))
    server = Container(name="server", command=("vllm", "serve"))
    return msgspec.structs.replace(
        pod,
        spec=msgspec.structs.replace(pod.spec, containers=(server, *own)),
        status=msgspec.structs.replace(pod.status, container_statuses=(runs, *pod.status.container_statuses)),
    )


def _disruption(ended: Event | None) -> tuple[Condition, ...]:
    """The condition that tells of a preemption, which a pod has in place of a reason."""
    if ended is None or ended.reason not in _DISRUPTED:
        return ()
    return (Condition("DisruptionTarget", "True", _DISRUPTED[ended.reason], ended.message),)


_PROBE = Probe(http_get=HttpGet(path="/health", port=8000))


def _has_ended(event: Event) -> bool:
    if event.reason == "TaintManagerEviction":
        return event.message.startswith("Marking for deletion")
    return event.reason in _ENDED or event.reason.startswith("OutOf")


def _container_name(events: Sequence[Event]) -> str:
    """The container that most of the events are about, by what they point at or else by their words."""
    for event in reversed(events):
        match = _FIELD.search(event.involved_object.field_path) or _CONTAINER.search(event.message)
        if match is not None and match[1] not in _NOT_A_NAME:
            return match[1]
    return "vllm"


def _container_status(name: str, events: Sequence[Event]) -> ContainerStatus:
    """How a container stands by the last event that tells; one that has been started and not ended runs."""
    told = [(item, state) for item in events if (state := _state(item)) is not None]
    waiting = next((state for _, state in reversed(told) if state.waiting and state.waiting.message), None)
    state = told[-1][1] if told else ContainerState(waiting=Waiting("ContainerCreating"))
    if state.waiting is not None and not state.waiting.message and waiting is not None:
        reason = state.waiting.reason
        state = ContainerState(waiting=Waiting(reason, waiting.waiting.message if waiting.waiting else ""))
    if state.running is not None and _UNWELL in events[-1].message and not any(_ends_again(item) for item in events):
        started = next((item.last_seen for item in reversed(events) if item.reason == "Started"), None)
        state = ContainerState(running=Running(started_at=started))
    restarts = max((item.times for item in events if _ends_again(item)), default=0)
    before = ContainerState(terminated=_death(events)) if restarts else ContainerState()
    served = bool(told) and told[-1][0].reason == "NodeNotReady"
    return ContainerStatus(name=name, ready=served, state=state, last_state=before, restart_count=restarts)


def _ends_again(event: Event) -> bool:
    restarting = event.reason == "BackOff" and "restarting failed" in event.message
    return restarting or (event.reason == "Killing" and "failed" in event.message)


def _death(events: Sequence[Event]) -> Terminated:
    killed = [item for item in events if item.reason == "Killing" and "failed" in item.message]
    if killed:
        return Terminated(exit_code=137, reason="Error", finished_at=killed[-1].last_seen)
    if unstarted := next((item.message for item in reversed(events) if _UNSTARTED in item.message), ""):
        return Terminated(exit_code=128, reason="StartError", message=unstarted.removeprefix("Error: "))
    return Terminated(exit_code=1, reason="Error")


def _state(event: Event) -> ContainerState | None:
    """The state of a container right after an event about it; None for one that does not tell."""
    text = event.message
    if event.reason == "Killing" and text in _WAITING:
        return None
    if event.reason in ("Started", "Unhealthy", "Killing", "NodeNotReady"):
        return ContainerState(running=Running(started_at=event.last_seen if event.reason == "Started" else None))
    if event.reason == "BackOff":
        pulls = "pulling image" in text
        if pulls and _WITH_REASON in text:  # the message of a status, and not of an event
            return ContainerState(waiting=Waiting("ImagePullBackOff", text))
        return ContainerState(waiting=Waiting("ImagePullBackOff" if pulls else "CrashLoopBackOff"))
    if event.reason in _WAITING:
        return ContainerState(waiting=Waiting(_WAITING[event.reason], text))
    if event.reason in ("Failed", "FailedPullImage", "InspectFailed"):
        match = _REASON.match(text)
        if match is not None:
            return ContainerState(waiting=Waiting(match[1]))
        if not text.startswith(REFUSED):
            return ContainerState(waiting=Waiting("ErrImagePull", text))
        reason = "CreateContainerConfigError" if _CONFIG.search(text) else "CreateContainerError"
        return ContainerState(waiting=Waiting(reason, text.removeprefix("Error: ")))
    return None


# --- what makes pods --------------------------------------------------------------------------------------


def _template(name: str) -> PodTemplate:
    containers = (Container(name=name, command=("vllm", "serve")),)
    return PodTemplate(Meta(labels={"app": name}), PodSpec(containers=containers))


def _replicaset(meta: Meta, events: Sequence[Event]) -> list[Found]:
    if not any(item.reason in CREATES for item in events):
        return []
    spec = WorkloadSpec(replicas=1, template=_template(_without_hash(meta.name)))
    deployment, replicaset = above(Workload(meta, "ReplicaSet", spec))
    return [("Deployment", deployment), ("ReplicaSet", replicaset)]


def _among_statefulsets(kind: str) -> Callable[[Meta, Sequence[Event]], list[Found]]:
    """A Job or DaemonSet that makes no pod stands among those that make theirs themselves too, and keeps its kind."""
    made = _owner(kind)
    return lambda meta, events: [("StatefulSet", workload) for _, workload in made(meta, events)]


def _owner(kind: str) -> Callable[[Meta, Sequence[Event]], list[Found]]:
    def made(meta: Meta, events: Sequence[Event]) -> list[Found]:
        if not any(item.reason in CREATES for item in events):
            return []
        named = msgspec.structs.replace(meta, uid=f"{kind.lower()}/{meta.name}")
        return [(kind, Workload(named, kind, WorkloadSpec(replicas=1, template=_template(meta.name))))]

    return made


def _deployment(meta: Meta, events: Sequence[Event]) -> list[Found]:
    """One that may make no pod, or whose rollout is late by the word of kubectl or of its controller."""
    late = next((item for item in events if item.reason == _LATE), None)
    if late is None:
        return _owner("Deployment")(meta, events)
    named = msgspec.structs.replace(meta, uid=f"deployment/{meta.name}")
    progressing = Condition("Progressing", "False", _LATE, late.message)
    spec = WorkloadSpec(replicas=1, template=_template(meta.name))
    return [("Deployment", Workload(named, "Deployment", spec, WorkloadStatus(conditions=(progressing,))))]


def above(replicaset: Workload) -> tuple[Workload, Workload]:
    """The Deployment that a ReplicaSet was made by, as far as the latter tells, and the ReplicaSet as its own."""
    meta = replicaset.metadata
    name = meta.controller.name if meta.controller is not None else _without_hash(meta.name)
    uid = f"deployment/{meta.namespace}/{name}"
    owner = Meta(name, meta.namespace, uid=uid, annotations={STAND_IN: meta.name})
    reference = OwnerReference(kind="Deployment", name=name, uid=uid, controller=True)
    below = msgspec.structs.replace(meta, owner_references=(reference,), uid=meta.uid or f"replicaset/{meta.name}")
    spec = WorkloadSpec(replicas=replicaset.spec.replicas, template=replicaset.spec.template)
    return Workload(owner, "Deployment", spec), msgspec.structs.replace(replicaset, metadata=below)


def _without_hash(name: str) -> str:
    return re.sub(rf"{_HASH.pattern}$", "", name) or name


# --- claims and autoscalers -------------------------------------------------------------------------------


def _claim(meta: Meta, events: Sequence[Event]) -> list[Found]:
    """A claim that is not bound, and a pod that waits for it."""
    if not any(tells_of_no_volume(item) for item in events):
        return []
    wanted = next((match[1] for item in events if (match := _CLASS.search(item.message))), None)
    claim = PersistentVolumeClaim(
        metadata=meta, spec=ClaimSpec(storage_class_name=wanted), status=ClaimStatus(phase="Pending")
    )
    return [("PersistentVolumeClaim", claim), ("Pod", waiting_for(claim, meta.annotations[STAND_IN]))]


def tells_of_no_volume(event: Event) -> bool:
    """Whether an event says that a claim got no volume, and not merely that it waits for a pod."""
    waited_s = (
        (event.last_seen - event.first_timestamp).total_seconds() if event.last_seen and event.first_timestamp else 0
    )
    in_vain = event.reason in ("ExternalProvisioning", "Provisioning") and waited_s >= _PATIENCE_S
    return event.involved_object.kind == "PersistentVolumeClaim" and (
        event.type == "Warning" or event.reason == "FailedBinding" or in_vain
    )


def waiting_for(claim: PersistentVolumeClaim, source: str) -> Pod:
    """A pod that cannot run before a claim has its volume."""
    volume = Volume(name="models", persistent_volume_claim={"claimName": claim.metadata.name})
    container = Container(name="vllm", command=("vllm", "serve"))
    return Pod(
        metadata=Meta(UNNAMED, claim.metadata.namespace, annotations={STAND_IN: source}),
        spec=PodSpec(containers=(container,), volumes=(volume,)),
        status=PodStatus(phase="Pending", conditions=(Condition("PodScheduled", "False", message=_UNBOUND),)),
    )


def _route(meta: Meta, events: Sequence[Event]) -> list[Found]:
    """A server that is ready: behind a route of which a gateway complains, or for what a controller cannot make."""
    return [("Pod", serving_on("unknown", meta.namespace, meta.annotations[STAND_IN]))]


_MAKERS: dict[str, Callable[[Meta, Sequence[Event]], list[Found]]] = {
    "Pod": _pod,
    "ReplicaSet": _replicaset,
    "Deployment": _deployment,
    "StatefulSet": _owner("StatefulSet"),
    "DaemonSet": _among_statefulsets("DaemonSet"),
    "Job": _among_statefulsets("Job"),
    "PersistentVolumeClaim": _claim,
    "HorizontalPodAutoscaler": autoscaler,
    "ScaledObject": scaled_object,
    "Node": node_told_of,
    "NodeClaim": claim_told_of,
    "HTTPRoute": _route,
    "GRPCRoute": _route,
    "Gateway": _route,
    "InferencePool": _route,
    "Ingress": _route,
    "CustomResourceDefinition": _route,
    "ClusterPolicy": _route,
}
MADE_BY = frozenset(_MAKERS) - {"Job"}
"""The kinds that something may be told of."""
