"""What a pod's claims ask of its node: the scheduler's view of PersistentVolumeClaims and the volumes behind them.

Source: k8s.io/kubernetes pkg/scheduler/framework/plugins (volumebinding, volumerestrictions).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vops.lab.controllers.placement import Refusal, terms_match
from vops.lab.documents import Document
from vops.lab.store import Documents, Store

SELECTED_NODE = "volume.kubernetes.io/selected-node"
_ONE_POD = "ReadWriteOncePod"
_IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)


@dataclass(frozen=True)
class Claims:
    """`blocked` keeps a pod from every node; `volumes` are bound, `waiting` claims wait for the pod's node."""

    blocked: str = ""
    missing: bool = False
    in_use: bool = False
    volumes: Documents = field(default_factory=list)
    waiting: Documents = field(default_factory=list)

    def refusal(self, node: Document) -> Refusal | None:
        """Why the volumes cannot be used on a node."""
        if self.in_use:
            return Refusal((_IN_USE,), hopeless=False)
        for volume in self.volumes:
            if not _reachable(volume, node):
                return Refusal(("node(s) didn't match PersistentVolume's node affinity",), hopeless=True)
        return None


def claim_names(pod: Document) -> list[str]:
    """The claims that a pod mounts, those of its ephemeral volumes included."""
    names = []
    for volume in pod["spec"].get("volumes", ()):
        if "persistentVolumeClaim" in volume:
            names.append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            names.append(f"{pod['metadata']['name']}-{volume['name']}")
    return names


def claims_of(store: Store, pod: Document) -> Claims:
    """The claims of a pod as the scheduler finds them."""
    namespace = pod["metadata"]["namespace"]
    volumes, waiting, in_use = [], [], False
    for name in claim_names(pod):
        claim = store.find("v1", "PersistentVolumeClaim", namespace, name)
        if claim is None:
            return Claims(f'persistentvolumeclaim "{name}" not found', missing=True)
        if "deletionTimestamp" in claim["metadata"]:
            return Claims(f'persistentvolumeclaim "{name}" is being deleted')
        volume = claim["spec"].get("volumeName")
        if not volume:
            if not waits_for_consumer(store, claim):
                return Claims("pod has unbound immediate PersistentVolumeClaims")
            waiting.append(claim)
            continue
        bound = store.find("v1", "PersistentVolume", "", volume)
        if bound is None:
            return Claims(f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"')
        volumes.append(bound)
        in_use = in_use or (_ONE_POD in claim["spec"]["accessModes"] and _has_other_user(store, pod, name))
    return Claims(in_use=in_use, volumes=volumes, waiting=waiting)


def class_of(store: Store, claim: Document) -> Document | None:
    """The StorageClass of a claim: the one that it names, or the cluster's default."""
    name = claim["spec"].get("storageClassName")
    if name is not None:
        return store.find("storage.k8s.io/v1", "StorageClass", "", name) if name else None
    return next((item for item in store.list("storage.k8s.io/v1", "StorageClass") if _is_default(item)), None)


def waits_for_consumer(store: Store, claim: Document) -> bool:
    found = class_of(store, claim)
    return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"


def users_of(store: Store, namespace: str, claim: str) -> Documents:
    """The pods on nodes that mount a claim and have not ended."""
    return [
        pod
        for pod in store.list("v1", "Pod", namespace)
        if pod["spec"].get("nodeName")
        and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        and claim in claim_names(pod)
    ]


def _has_other_user(store: Store, pod: Document, claim: str) -> bool:
    namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
    return any(user["metadata"]["uid"] != uid for user in users_of(store, namespace, claim))


def _is_default(storage_class: Document) -> bool:
    notes: dict[str, str] = storage_class["metadata"].get("annotations", {})
    return notes.get("storageclass.kubernetes.io/is-default-class") == "true"


def _reachable(volume: Document, node: Document) -> bool:
    required = volume["spec"].get("nodeAffinity", {}).get("required")
    return required is None or terms_match(required["nodeSelectorTerms"], node)
