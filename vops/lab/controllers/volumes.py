"""The persistent volume controller: binds claims to volumes that it has made for them, in the words of upstream.

Every class makes zonal volumes: one that waits for its first consumer takes the zone of the node that the scheduler
selected, the others the zone of the first node. Leaves out sizes, static volumes and reclaiming.
Source: k8s.io/kubernetes pkg/controller/volume/persistentvolume (pv_controller.go) and external-provisioner.
"""

from __future__ import annotations

from vops.lab.controllers.base import Controller, key_of
from vops.lab.controllers.claims import SELECTED_NODE, class_of
from vops.lab.documents import Change, Document, Key, copy_of

_PROVISION_S = 4.0
_SAY_AGAIN_S = 15.0
_ZONE = "topology.kubernetes.io/zone"


class VolumeController(Controller):
    """Looks at every claim that is not bound, now and again."""

    name = "persistentvolume-controller"

    def notice(self, change: Change) -> None:
        if change.kind.kind == "PersistentVolumeClaim" and change.type != "DELETED":
            self.mark(change.key)
        elif change.kind.kind == "StorageClass":
            for claim in self.store.list("v1", "PersistentVolumeClaim"):
                self.mark(key_of(claim))

    def reconcile(self, key: Key) -> None:
        claim = self.store.find("v1", "PersistentVolumeClaim", *key)
        if claim is None or claim["spec"].get("volumeName"):
            return
        found = class_of(self.store, claim)
        if found is None:
            self._say_no_class(claim)
        elif found.get("volumeBindingMode") != "WaitForFirstConsumer":
            self._provision(claim, found, "")
        elif node := claim["metadata"].get("annotations", {}).get(SELECTED_NODE):
            self._provision(claim, found, node)
        else:
            self._tell(claim, "Normal", "WaitForFirstConsumer", _WAITING)

    def _say_no_class(self, claim: Document) -> None:
        if name := claim["spec"].get("storageClassName"):
            self._tell(claim, "Warning", "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found')
        else:
            self._tell(claim, "Normal", "FailedBinding", _NO_CLASS)

    def _tell(self, claim: Document, type_: str, reason: str, message: str) -> None:
        """Says so, and looks again in a while: an unbound claim is complained of for as long as it lasts."""
        self.world.events.record(claim, type_, reason, message, by=self.name)
        self.mark_after(_SAY_AGAIN_S, key_of(claim))

    def _provision(self, claim: Document, storage_class: Document, node: str) -> None:
        name, text = storage_class["provisioner"], _EXTERNAL.format(name=storage_class["provisioner"])
        self.world.events.record(claim, "Normal", "ExternalProvisioning", text, by=self.name)
        self.world.after(_PROVISION_S, lambda: self._bind(key_of(claim), name, self._zone(node)))

    def _zone(self, name: str) -> str:
        nodes = self.store.list("v1", "Node")
        chosen = next((node for node in nodes if node["metadata"]["name"] == name), nodes[0] if nodes else None)
        return str(chosen["metadata"].get("labels", {}).get(_ZONE, "")) if chosen else ""

    def _bind(self, key: Key, provisioner: str, zone: str) -> None:
        found = self.store.find("v1", "PersistentVolumeClaim", *key)
        if found is None or found["spec"].get("volumeName"):
            return
        claim = copy_of(found)
        volume = self.store.create(_volume(claim, provisioner, zone))
        claim["spec"]["volumeName"] = volume["metadata"]["name"]
        self.store.update(claim, manager="kube-controller-manager")
        bound = {"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": volume["spec"]["capacity"]}
        self.store.patch_status("v1", "PersistentVolumeClaim", *key, bound, manager="kube-controller-manager")
        text = f"Successfully provisioned volume {volume['metadata']['name']}"
        self.world.events.record(claim, "Normal", "ProvisioningSucceeded", text, by=provisioner)


_WAITING = "waiting for first consumer to be created before binding"
_NO_CLASS = "no persistent volumes available for this claim and no storage class is set"
_EXTERNAL = (
    "Waiting for a volume to be created either by the external provisioner '{name}' or manually by the system "
    "administrator. If volume creation is delayed, please verify that the provisioner is running and correctly "
    "registered."
)


def _volume(claim: Document, provisioner: str, zone: str) -> Document:
    """The volume that a provisioner makes for a claim: of one zone, unless many nodes may use it."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    shared = any(mode in ("ReadWriteMany", "ReadOnlyMany") for mode in spec["accessModes"])
    terms = [{"matchExpressions": [{"key": _ZONE, "operator": "In", "values": [zone]}]}]
    pinned = {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if zone and not shared else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": provisioner}},
        "spec": {
            "capacity": dict(spec["resources"]["requests"]),
            "accessModes": list(spec["accessModes"]),
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec.get("storageClassName") or "",
            "volumeMode": "Filesystem",
            "csi": {"driver": provisioner, "volumeHandle": name},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            **pinned,
        },
        "status": {"phase": "Bound"},
    }
