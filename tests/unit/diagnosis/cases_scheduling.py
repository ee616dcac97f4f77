"""Cases of rules about pods that no node takes, rollouts that cannot end, and volumes that are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tests.unit.diagnosis.cluster_parts import (
    NAMESPACE,
    TAINT,
    ago,
    deployment,
    event,
    node,
    pending,
    pod,
    ready,
    replicaset,
    waiting,
    world,
)
from vops.diagnosis.facts import STAND_IN, Facts
from vops.model.pods import Pod
from vops.model.provisioning import ResourceClaim
from vops.model.resources import Event, Node, Workload, WorkloadStatus
from vops.model.snapshot import Source
from vops.model.storage import PersistentVolume, PersistentVolumeClaim, StorageClass

Case = Callable[[], Facts]

ZONE = "topology.kubernetes.io/zone"
MODELS = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
MULTI_ATTACH = 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) llama-old'
UNREAD = (Source.NODES,)
MODERN = "no new claims to deallocate, preemption: 0/1 nodes are available: 1 "
NOT_HELPFUL = (
    f"0/1 nodes are available: 1 Insufficient nvidia.com/gpu. {MODERN}Preemption is not helpful for scheduling."
)
NO_VICTIMS = (
    f"0/1 nodes are available: 1 Insufficient nvidia.com/gpu. {MODERN}No preemption victims found for incoming pod."
)


# --- parts ------------------------------------------------------------------------------------------------


def claim(
    name: str = "models",
    *,
    phase: str = "Bound",
    volume: str = "pvc-1",
    storage_class: str | None = "fast",
    modes: Sequence[str] = ("ReadWriteOnce",),
    age_s: float = 9000,
    namespace: str = NAMESPACE,
    **metadata: Any,
) -> PersistentVolumeClaim:
    document = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": ago(age_s), **metadata},
        "spec": {"accessModes": modes, "volumeName": volume, "resources": {"requests": {"storage": "100Gi"}}}
        | ({} if storage_class is None else {"storageClassName": storage_class}),
        "status": {"phase": phase},
    }
    return msgspec.convert(document, PersistentVolumeClaim)


def volume(
    name: str = "pvc-1", *, zone: str = "", key: str = ZONE, phase: str = "Bound", **spec: Any
) -> PersistentVolume:
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": [zone]}]}]
    affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if zone else {}
    document = {
        "kind": "PersistentVolume",
        "metadata": {"name": name, "uid": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "100Gi"}, **affinity, **spec},
        "status": {"phase": phase},
    }
    return msgspec.convert(document, PersistentVolume)


def storage_class(name: str = "fast", *, mode: str = "Immediate", **more: Any) -> StorageClass:
    document = {"kind": "StorageClass", "metadata": {"name": name}, "provisioner": "csi", "volumeBindingMode": mode}
    return msgspec.convert({**document, **more}, StorageClass)


def device_claim(name: str = "gpus", *, nodes: Sequence[str] = (), **status: Any) -> ResourceClaim:
    """A device claim; one that is allocated names the nodes that its devices are on."""
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": list(nodes)}]}]
    allocation = {"allocation": {"nodeSelector": {"nodeSelectorTerms": terms}}} if nodes else {}
    document = {
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name},
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}},
        "status": {**allocation, **status},
    }
    return msgspec.convert(document, ResourceClaim)


def about_claim(reason: str, message: str, *, name: str = "models", warning: bool = True, age_s: float = 20) -> Event:
    document = {
        "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": NAMESPACE, "name": name, "uid": name},
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "lastTimestamp": ago(age_s),
    }
    return msgspec.convert(document, Event)


def daemonset(
    name: str = "nvidia-device-plugin-daemonset", *, desired: int = 0, ready: int = 0, **spec: Any
) -> Workload:
    document = {
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "gpu-operator", "uid": name},
        "spec": {"template": {"spec": {"containers": [{"name": "p", "image": "nvidia/k8s-device-plugin"}], **spec}}},
        "status": {"desiredNumberScheduled": desired, "numberReady": ready},
    }
    return msgspec.convert(document, Workload)


def waits_for(*objects: Any, says: str = "", **asks: Any) -> Case:
    """A pending replica that wants the claim `models`, among these objects."""
    return lambda: world(pending(says, volumes=[MODELS], **asks), *objects)


def anti_affinity(label: str = "llama", key: str = "kubernetes.io/hostname") -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": label}}, "topologyKey": key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def labelled(name: str, *, node: str = "gpu-1", app: str = "llama", **more: Any) -> Pod:
    return ready(name, node=node, metadata={"labels": {"app": app}}, **more)


def host(name: str = "gpu-1", zone: str = "a", **more: Any) -> Node:
    return node(name, labels={"kubernetes.io/hostname": name, ZONE: zone}, **more)


def attaching(*objects: Any, old: Any = None, strategy: Any = None, says: str = MULTI_ATTACH) -> Facts:
    """The new pod of a rolling update on gpu-2, whose volume the old one on gpu-1 has."""
    new = pod(
        "llama-new", node="gpu-2", owner="llama", status=waiting("ContainerCreating"), phase="Pending", volumes=[MODELS]
    )
    held = event("FailedAttachVolume", says, name="llama-new")
    before = old or ready("llama-old", owner="llama", revision="old", age_s=9000, volumes=[MODELS])
    owned = (deployment(strategy=strategy), replicaset(), replicaset(revision="old"))
    parts = objects or (node(), node("gpu-2"))
    return world(new, before, *parts, held, claim(), *owned)


def one_pod_claim(*, owner: str = "llama", says: str = "") -> Facts:
    """A pending pod whose ReadWriteOncePod claim another pod has."""
    return world(
        pending(says, name="llama-new", owner="llama", volumes=[MODELS]),
        ready("llama-old", owner=owner, revision="old", age_s=9000, volumes=[MODELS]),
        node(gpus=2),
        claim(modes=["ReadWriteOncePod"]),
        deployment(),
        replicaset(),
        replicaset(revision="old"),
    )


def slow_rollout(status: str = "False", reason: str = "ProgressDeadlineExceeded") -> Facts:
    """A Deployment that is past its deadline, with a new pod that still loads."""
    condition = {"type": "Progressing", "status": status, "reason": reason, "message": "timed out progressing"}
    late = msgspec.structs.replace(deployment(), status=msgspec.convert({"conditions": [condition]}, WorkloadStatus))
    loading = pod(owner="llama", status={"ready": False, "state": {"running": {"startedAt": ago(700)}}})
    return world(loading, node(), late, replicaset())


def surging(strategy: Any = None) -> Facts:
    """A rolling update in a cluster whose nodes may not be read: the old pod runs, the new one finds no GPU."""
    return world(
        pending("0/4 nodes are available: 4 Insufficient nvidia.com/gpu.", name="llama-new", owner="llama"),
        ready("llama-old", owner="llama", revision="old", age_s=9000),
        deployment(strategy=strategy),
        replicaset(),
        replicaset(revision="old"),
        without=UNREAD,
    )


def unread(says: str, **asks: Any) -> Case:
    """A pending replica in a cluster whose nodes may not be read."""
    return lambda: world(pending(says, **asks), without=UNREAD)


# --- cases ------------------------------------------------------------------------------------------------


def quoted(words: str) -> Case:
    """What somebody wrote behind the error, of a pod that nobody saw."""
    made_up = {"annotations": {STAND_IN: "events"}}
    said = event("FailedAttachVolume", f"Multi-Attach error on the PVC, {words}")
    return lambda: world(pod(status=waiting("ContainerCreating"), phase="Pending", metadata=made_up), said)


FIRES: dict[str, Case] = {
    "rollout-volume-quoted": quoted("since the new pod is made before the old one is gone"),
    "spread-or-affinity": lambda: world(pending(affinity=anti_affinity()), labelled("llama-0"), host(gpus=2)),
    "dra-claim-pending": lambda: world(
        pending(
            "0/1 nodes are available: 1 cannot allocate all claims. still not schedulable",
            gpus=0,
            resourceClaims=[{"name": "gpu", "resourceClaimName": "gpus"}],
        ),
        node(),
        device_claim(),
    ),
    "volume-zone-conflict": waits_for(host(zone="b"), claim(), volume(zone="a")),
    "claim-in-use": lambda: one_pod_claim(owner="mistral"),
    "rollout-claim-conflict": one_pod_claim,
    "rollout-volume-conflict": attaching,
    "attached-in-another-zone": lambda: attaching(
        says="AttachVolume.Attach failed for volume \"pvc-1\": InvalidVolume.ZoneMismatch: The volume 'vol-1' is not "
        "in the same availability zone as instance 'i-1'"
    ),
    "volume-on-lost-node": lambda: attaching(
        node(ready=False), node("gpu-2"), old=ready("llama-old", volumes=[MODELS])
    ),
    "progress-deadline": slow_rollout,
    # the scheduler's words alone
    "said-rollout-deadlock": surging,
    "told-rollout-deadlock": unread("0/1 nodes are available: 1 Insufficient nvidia.com/gpu. The old pod holds it."),
    "said-untolerated-taint": unread(
        "0/3 nodes are available: 3 node(s) had untolerated taint {nvidia.com/gpu: present}."
    ),
    "said-node-selector-mismatch": unread(
        "0/4 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "3 node(s) didn't match Pod's node affinity/selector."
    ),
    "not-for-fargate": unread("Pod not supported on Fargate: volumes not supported: cache is of an unsupported type"),
    "said-gpu-exhausted": unread(NO_VICTIMS),
    "said-gpu-not-advertised": unread(NOT_HELPFUL),
    "said-gpu-request-too-large": unread(NOT_HELPFUL, gpus=8),
    "said-cpu-memory-short": unread("0/3 nodes are available: 1 Insufficient memory, 2 Insufficient nvidia.com/gpu."),
    "said-node-unavailable": unread("0/2 nodes are available: 2 node(s) were unschedulable."),
    "said-spread-or-affinity": lambda: world(
        pending("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."), node()
    ),
    "said-volume-zone-conflict": unread(
        "0/3 nodes are available: 1 node(s) had volume node affinity conflict, 2 Insufficient nvidia.com/gpu."
    ),
}

NEAR_MISSES: dict[str, Case] = {
    "rollout-volume-quoted": quoted("since a pod of the batch job on the other node has it"),
    "spread-or-affinity": lambda: world(pending(affinity=anti_affinity()), labelled("x", app="mistral"), host()),
    "dra-claim-pending": lambda: world(
        pending(
            "0/1 nodes are available: 1 Insufficient cpu.",
            gpus=0,
            requests={"cpu": "99"},
            resourceClaims=[{"name": "gpu", "resourceClaimName": "gpus"}],
        ),
        node(),
        device_claim(nodes=["gpu-1"]),
    ),
    # the volume is where the GPUs are, and those are taken
    "volume-zone-conflict": waits_for(host(zone="a"), ready("other"), claim(), volume(zone="a")),
    "claim-in-use": waits_for(node(), claim(modes=["ReadWriteOncePod"])),
    # another workload's pod has it
    "rollout-claim-conflict": lambda: one_pod_claim(owner="mistral"),
    "rollout-volume-conflict": lambda: attaching(strategy={"type": "Recreate"}),
    "attached-in-another-zone": lambda: attaching(says='AttachVolume.Attach failed for volume "pvc-1": not found'),
    "volume-on-lost-node": attaching,
    "progress-deadline": lambda: slow_rollout("True", "ReplicaSetUpdated"),
    "said-rollout-deadlock": lambda: surging({"type": "Recreate"}),
    "told-rollout-deadlock": unread("0/1 nodes are available: 1 Insufficient nvidia.com/gpu. The old pod is gone."),
    # the tainted nodes are the cluster's own
    "said-untolerated-taint": unread(
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "2 Insufficient nvidia.com/gpu."
    ),
    "said-node-selector-mismatch": unread(
        "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match Pod's node affinity/selector."
    ),
    # no node of Fargate was meant
    "not-for-fargate": unread(
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, "
        "1 node(s) had untolerated taint {eks.amazonaws.com/compute-type: fargate}."
    ),
    "said-gpu-exhausted": unread(NOT_HELPFUL),
    "said-gpu-not-advertised": unread(NO_VICTIMS),
    "said-gpu-request-too-large": unread(NO_VICTIMS, gpus=8),
    "said-cpu-memory-short": unread("0/3 nodes are available: 3 Insufficient memory, 3 Insufficient nvidia.com/gpu."),
    "said-node-unavailable": unread("0/2 nodes are available: 1 node(s) were unschedulable, 1 Insufficient cpu."),
    # the objects tell another story
    "said-spread-or-affinity": lambda: world(
        pending("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."), node(taints=[TAINT])
    ),
    "said-volume-zone-conflict": unread("0/3 nodes are available: 3 node(s) exceed max volume count."),
}

TOGETHER: dict[str, set[str]] = {
    "told-rollout-deadlock": {"gpu-exhausted"},
    "said-rollout-deadlock": {"gpu-exhausted"},
    "rollout-claim-conflict": {"multi-attach"},
    "rollout-volume-conflict": {"multi-attach"},
    "rollout-volume-quoted": {"multi-attach"},
    "volume-on-lost-node": {"multi-attach"},
}
