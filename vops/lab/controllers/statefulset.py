"""The StatefulSet controller: pods with names that stay, one after the other, each with claims of its own.

A pod that is gone is made anew under its name only once the old object is gone, which is why a lost node keeps it
away. Leaves out maxUnavailable, minReadySeconds and the retention of claims.
Source: k8s.io/kubernetes pkg/controller/statefulset (stateful_set_control.go, stateful_set_utils.go).
"""

from __future__ import annotations

import hashlib
import json

from vops.lab.controllers.base import Controller, controller_of, is_true, key_of, terminating
from vops.lab.controllers.replicaset import pod_from, pods_of
from vops.lab.documents import Change, Document, Key, copy_of
from vops.lab.statuses import ApiError
from vops.lab.store import Documents

_REVISION = "controller-revision-hash"
_HASH = "controller.kubernetes.io/hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_FINISHED = ("Succeeded", "Failed")


class StatefulSetController(Controller):
    """Brings one pod at a time nearer to what it should be, unless pods are managed in parallel."""

    name = "statefulset-controller"

    def notice(self, change: Change) -> None:
        if change.kind.kind == "StatefulSet":
            self.mark(change.key)
        elif change.kind.kind == "Pod":
            owner = controller_of(change.document)
            if owner and owner["kind"] == "StatefulSet":
                self.mark((change.key[0], owner["name"]))

    def reconcile(self, key: Key) -> None:
        stateful = self.store.find("apps/v1", "StatefulSet", *key)
        if stateful is None or terminating(stateful):
            return
        self._keep_revision(stateful)
        pods = {_ordinal(pod): pod for pod in pods_of(self.world, stateful)}
        self._act(stateful, pods)
        self._report(stateful)

    def _keep_revision(self, stateful: Document) -> None:
        """A ControllerRevision for each template that it has had; going back to one gives that one a new number."""
        metadata, template = stateful["metadata"], stateful["spec"]["template"]
        namespace, name = metadata["namespace"], f"{metadata['name']}-{_revision(stateful)}"
        found = self.store.find("apps/v1", "ControllerRevision", namespace, name)
        latest = max((item["revision"] for item in self._revisions(stateful)), default=0)
        if found is None:
            owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": metadata["name"], "uid": metadata["uid"]}
            made = {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": dict(template["metadata"].get("labels", {})) | {_HASH: _revision(stateful)},
                    "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
                },
                "data": {"spec": {"template": copy_of(template) | {"$patch": "replace"}}},
                "revision": latest + 1,
            }
            self.store.create(made, manager="kube-controller-manager")
        elif found["revision"] < latest:
            self.store.update(copy_of(found) | {"revision": latest + 1}, manager="kube-controller-manager")

    def _revisions(self, stateful: Document) -> list[Document]:
        found = self.store.list("apps/v1", "ControllerRevision", stateful["metadata"]["namespace"])
        own = [(item, controller_of(item)) for item in found]
        return [item for item, owner in own if owner and owner["uid"] == stateful["metadata"]["uid"]]

    def _act(self, stateful: Document, pods: dict[int, Document]) -> None:
        """Makes, replaces or ends pods as far as the order allows now."""
        replicas, ordered = stateful["spec"]["replicas"], _ordered(stateful)
        for number in range(replicas):
            pod = pods.get(number)
            if pod is None:
                self._create(stateful, number)
            elif pod.get("status", {}).get("phase") in _FINISHED and not terminating(pod):
                self._delete(stateful, pod)
            if ordered and (pod is None or terminating(pod) or not is_true(pod, "Ready")):
                return
        surplus = sorted((number for number in pods if number >= replicas), reverse=True)
        for number in surplus[:1] if ordered else surplus:
            if not terminating(pods[number]):
                self._delete(stateful, pods[number])
        if not surplus:
            self._update(stateful, pods)

    def _update(self, stateful: Document, pods: dict[int, Document]) -> None:
        """Replaces the last pod of an older revision, once all others are ready."""
        strategy = stateful["spec"].get("updateStrategy", {})
        if strategy.get("type") != "RollingUpdate":
            return
        first = strategy.get("rollingUpdate", {}).get("partition", 0)
        for number in sorted(pods, reverse=True):
            pod = pods[number]
            if number < first:
                return
            if pod["metadata"]["labels"].get(_REVISION) != _revision(stateful) and not terminating(pod):
                self._delete(stateful, pod)
                return
            if terminating(pod) or not is_true(pod, "Ready"):
                return

    def _create(self, stateful: Document, number: int) -> None:
        name = f"{stateful['metadata']['name']}-{number}"
        pod = pod_from(stateful)
        metadata = pod["metadata"]
        del metadata["generateName"]
        metadata["name"] = name
        metadata["labels"] = dict(metadata["labels"]) | {
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(number),
            _REVISION: _revision(stateful),
        }
        pod["spec"] |= {"hostname": name, "subdomain": stateful["spec"].get("serviceName", "")}
        self._claims(stateful, pod)
        try:
            self.store.create(pod, manager="kube-controller-manager")
        except ApiError as refusal:
            said = f"create Pod {name} in StatefulSet {stateful['metadata']['name']} failed error: {refusal.message}"
            self.world.events.record(stateful, "Warning", "FailedCreate", said, by=self.name)
            return
        said = f"create Pod {name} in StatefulSet {stateful['metadata']['name']} successful"
        self.world.events.record(stateful, "Normal", "SuccessfulCreate", said, by=self.name)

    def _claims(self, stateful: Document, pod: Document) -> None:
        """A claim of its own for each template, which outlives the pod."""
        for template in stateful["spec"].get("volumeClaimTemplates", ()):
            name = f"{template['metadata']['name']}-{pod['metadata']['name']}"
            volumes = [item for item in pod["spec"].get("volumes", ()) if item["name"] != template["metadata"]["name"]]
            mount = {"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}
            pod["spec"]["volumes"] = [*volumes, mount]
            namespace = pod["metadata"]["namespace"]
            if self.store.find("v1", "PersistentVolumeClaim", namespace, name) is None:
                metadata = {"name": name, "namespace": namespace}
                claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}
                self.store.create(claim | {"spec": copy_of(template["spec"])}, manager="kube-controller-manager")

    def _delete(self, stateful: Document, pod: Document) -> None:
        name = pod["metadata"]["name"]
        self.store.delete("v1", "Pod", *key_of(pod), uid=pod["metadata"]["uid"])
        said = f"delete Pod {name} in StatefulSet {stateful['metadata']['name']} successful"
        self.world.events.record(stateful, "Normal", "SuccessfulDelete", said, by=self.name)

    def _report(self, stateful: Document) -> None:
        pods = [pod for pod in pods_of(self.world, stateful) if pod.get("status", {}).get("phase") not in _FINISHED]
        revision, ready = _revision(stateful), [pod for pod in pods if is_true(pod, "Ready")]
        updated = [pod for pod in pods if pod["metadata"]["labels"].get(_REVISION) == revision]
        before = stateful.get("status", {}).get("currentRevision", "")
        done = len(updated) == len(pods) == stateful["spec"]["replicas"] == len(ready)
        current = revision if done or not before else before
        name = stateful["metadata"]["name"]
        status = {
            "observedGeneration": stateful["metadata"].get("generation", 1),
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "currentReplicas": len(_of_revision(pods, current)),
            "updatedReplicas": len(updated),
            "currentRevision": current if current.startswith(name) else f"{name}-{current}",
            "updateRevision": f"{name}-{revision}",
            "collisionCount": 0,
        }
        if stateful.get("status") != status:
            self.store.update_status(copy_of(stateful) | {"status": status})


def _ordered(stateful: Document) -> bool:
    return bool(stateful["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady")


def _ordinal(pod: Document) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def _of_revision(pods: Documents, revision: str) -> Documents:
    return [pod for pod in pods if revision.endswith(pod["metadata"]["labels"].get(_REVISION, "?"))]


def _revision(stateful: Document) -> str:
    """A short hash of the template, in the letters that Kubernetes uses for it."""
    digest = hashlib.sha256(json.dumps(stateful["spec"]["template"], sort_keys=True).encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])
