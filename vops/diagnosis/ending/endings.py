"""Shared by the rules about pods that were ended from outside: who wanted it, when, and whether it still matters."""

from __future__ import annotations

from datetime import datetime, timedelta

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Severity
from vops.diagnosis.placement.demands import amounts
from vops.model.objects import Condition
from vops.sizing.named import named_weights

_NEWS = timedelta(hours=1)
_YOUNG = timedelta(minutes=10)
_CACHE_VARIABLES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "VLLM_CACHE_ROOT")
_CACHE_HOMES = ("/root/.cache", "/home/vllm/.cache", "/.cache")
REJECTED = "Pod was rejected: "


def disruption(replica: Replica) -> Condition | None:
    """The condition by which Kubernetes says that it ended the pod on purpose, since 1.26."""
    condition = replica.pod.condition("DisruptionTarget")
    return condition if condition is not None and condition.status == "True" else None


def ended_at(replica: Replica) -> datetime | None:
    """When the pod ended, as well as it is known."""
    death, condition = replica.last_death, disruption(replica)
    finished = death.finished_at if death else None
    told = condition.last_transition_time if condition else None
    return finished or told or replica.pod.status.start_time or replica.pod.metadata.creation_timestamp


def severity(replica: Replica) -> Severity:
    """How much it matters: a pod that others have replaced is news for an hour, then merely left behind."""
    owner = replica.owner
    workload = replica.facts.workload(owner.kind, owner.namespace, owner.name) if owner else None
    if workload is None or not workload.desired or workload.ready < workload.desired:
        return Severity.ERROR
    ended = ended_at(replica)
    old = ended is None or replica.facts.snapshot.at - ended > _NEWS
    return Severity.INFO if old else Severity.WARNING


def alike(replica: Replica) -> tuple[Replica, ...]:
    """The failed pods of the same owner with the same reason, this one included."""
    reason = replica.pod.status.reason
    several = (item for item in replica.facts.replicas if item.owner == replica.owner and replica.owner is not None)
    same = tuple(item for item in several if item.pod.status.phase == "Failed" and item.pod.status.reason == reason)
    return same or (replica,)


def clear_step(replica: Replica) -> str:
    """How to remove what is left of failed pods: this one, or all that its owner has left behind."""
    count = len(alike(replica))
    if count == 1:
        return f"kubectl -n {replica.namespace} delete pod {replica.name}"
    template = replica.pod.metadata.labels.get("pod-template-hash")
    chosen = f" -l pod-template-hash={template}" if template else ""
    return (
        f"kubectl -n {replica.namespace} delete pods --field-selector status.phase=Failed{chosen}  ({count} are left)"
    )


def young_node(replica: Replica) -> timedelta | None:
    """How long its node had been ready when the pod came to it, if that was at most ten minutes; else None.

    A condition that became true after the pod was made counts as no time at all.
    """
    node, came = replica.node, replica.pod.status.start_time or replica.pod.metadata.creation_timestamp
    ready = next((item for item in node.status.conditions if item.type == "Ready"), None) if node else None
    since = ready.last_transition_time if ready is not None and ready.status == "True" else None
    if since is None or came is None or came - since > _YOUNG or since - came > _YOUNG:
        return None
    return max(came - since, timedelta())


def cache_volume(replica: Replica) -> str:
    """The emptyDir on disk that holds the model's cache; empty when there is none.

    That is where the cache's variables, --download-dir or a model's path point, or the home that images use.
    """
    on_disk = {
        volume.name
        for volume in replica.pod.spec.volumes
        if volume.empty_dir is not None and volume.empty_dir.get("medium") != "Memory"
    }
    named = {item.value for item in replica.container.env if item.name in _CACHE_VARIABLES and item.value}
    folder = replica.args.location("download-dir")
    paths = [*named, (folder.value if folder else None) or "", replica.args.model, *_CACHE_HOMES]
    for mount in replica.container.volume_mounts:
        below = any(path and (path + "/").startswith(mount.mount_path.rstrip("/") + "/") for path in paths)
        above = any((mount.mount_path + "/").startswith(path + "/") for path in _CACHE_HOMES)
        if mount.name in on_disk and (below or above):
            return mount.name
    return ""


def files_bytes(replica: Replica) -> float | None:
    """The size of the model's files, from what its log says of the weights on each GPU, else from the model's name."""
    logs = (replica.log, replica.previous_log)
    per_gpu = next((log.weights_gib for log in logs if log is not None and log.weights_gib is not None), None)
    if per_gpu is not None:
        return per_gpu * 2**30 * max(1, replica.args.gpus)
    return named_weights(replica.args.model, replica.args.quantization, replica.args.dtype)


def size(text: str) -> float:
    """A quantity as a number; 0 for what is none."""
    return float(amounts({"size": text}).get("size", 0))
