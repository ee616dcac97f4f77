"""The Deployment controller: rolls ReplicaSets over as upstream does, and reports progress with upstream's words.

Scaling while a rollout is under way follows the rollout's own limits; upstream's proportional scaling is left out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vops.lab.controllers.base import Controller, condition, controller_of, key_of, owner_reference, terminating
from vops.lab.controllers.replicaset import pods_of
from vops.lab.controllers.rollout import Rollout, moment, progress_conditions
from vops.lab.documents import Change, Document, Key, copy_of
from vops.lab.store import Documents
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.world import World

REVISION = "deployment.kubernetes.io/revision"
HASH_LABEL = "pod-template-hash"
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


class DeploymentController(Controller):
    """One ReplicaSet a template; the newest grows while the others shrink."""

    name = "deployment-controller"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._deadlines: dict[Key, Timer] = {}

    def notice(self, change: Change) -> None:
        if change.kind.kind == "Deployment":
            self.mark(change.key)
        elif change.kind.kind == "ReplicaSet":
            owner = controller_of(change.document)
            if owner and owner["kind"] == "Deployment":
                self.mark((change.key[0], owner["name"]))
        elif change.kind.kind == "Pod" and change.type == "DELETED":
            self._notice_pod(change)

    def _notice_pod(self, change: Change) -> None:
        """A Recreate rollout waits for the last old pod to be gone."""
        owner = controller_of(change.document)
        replicaset = owner and self.store.find("apps/v1", "ReplicaSet", change.key[0], owner["name"])
        deployment = replicaset and controller_of(replicaset)
        if deployment:
            self.mark((change.key[0], deployment["name"]))

    def reconcile(self, key: Key) -> None:
        deployment = self.store.find("apps/v1", "Deployment", *key)
        if deployment is None or terminating(deployment):
            return
        if not deployment["spec"].get("paused"):
            self._roll(deployment)
        self._report(key)

    # --- rolling ------------------------------------------------------------------------------------------

    def _roll(self, deployment: Document) -> None:
        replicasets = self._replicasets(deployment)
        new = next((item for item in replicasets if same_template(item, deployment)), None)
        old = [item for item in replicasets if item is not new]
        recreate = deployment["spec"].get("strategy", {}).get("type") == "Recreate"
        if recreate and (any(item["spec"]["replicas"] for item in old) or self._lingering(old)):
            self._scale_all(deployment, old, 0)
            return
        rollout = Rollout.of(deployment)
        if new is None:
            new = self._create(deployment, old, rollout)
        else:
            self._claim(deployment, new, old)
            self._scale(deployment, new, rollout.new_size(new, old))
        replicasets = self._replicasets(deployment)
        new = next(item for item in replicasets if item["metadata"]["uid"] == new["metadata"]["uid"])
        old = [item for item in replicasets if item is not new]
        for replicaset, size in rollout.old_sizes(new, old):
            self._scale(deployment, replicaset, size)
        self._forget(deployment, old)

    def _lingering(self, old: Documents) -> bool:
        return any(pods_of(self.world, replicaset) for replicaset in old)

    def _replicasets(self, deployment: Document) -> Documents:
        """Its ReplicaSets, the oldest first."""
        uid = deployment["metadata"]["uid"]
        mine = [
            item
            for item in self.store.list("apps/v1", "ReplicaSet", deployment["metadata"]["namespace"])
            if (controller_of(item) or {}).get("uid") == uid
        ]
        return sorted(mine, key=lambda item: (revision(item), item["metadata"]["name"]))

    def _create(self, deployment: Document, old: Documents, rollout: Rollout) -> Document:
        digest = template_hash(deployment)
        name = f"{deployment['metadata']['name']}-{digest}"
        template = copy_of(deployment["spec"]["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH_LABEL] = digest
        selector = copy_of(deployment["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
        number = str(max([revision(item) for item in old], default=0) + 1)
        size = rollout.first_size(old)
        created = self.store.create(
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": name,
                    "namespace": deployment["metadata"]["namespace"],
                    "labels": template["metadata"]["labels"],
                    "annotations": {REVISION: number} | _counts(rollout),
                    "ownerReferences": [owner_reference(deployment)],
                },
                "spec": {
                    "replicas": size,
                    "minReadySeconds": deployment["spec"].get("minReadySeconds", 0),
                    "selector": selector,
                    "template": template,
                },
                "status": {"replicas": 0},
            },
            manager="kube-controller-manager",
        )
        self._annotate(deployment, number)
        if size:
            self._tell(deployment, "up", name, 0, size)
        return created

    def _claim(self, deployment: Document, new: Document, old: Documents) -> None:
        """Gives the current ReplicaSet the highest revision: a rollback makes an old one new again."""
        highest = max([revision(item) for item in old], default=0)
        number = str(max(revision(new), highest + 1))
        if new["metadata"].get("annotations", {}).get(REVISION) != number:
            changed = copy_of(new)
            changed["metadata"].setdefault("annotations", {})[REVISION] = number
            self.store.update(changed, manager="kube-controller-manager")
        self._annotate(deployment, number)

    def _annotate(self, deployment: Document, number: str) -> None:
        current = self.store.get("apps/v1", "Deployment", *key_of(deployment))
        if current["metadata"].get("annotations", {}).get(REVISION) == number:
            return
        changed = copy_of(current)
        changed["metadata"].setdefault("annotations", {})[REVISION] = number
        self.store.update(changed, manager="kube-controller-manager")

    def _scale_all(self, deployment: Document, replicasets: Documents, size: int) -> None:
        for replicaset in replicasets:
            self._scale(deployment, replicaset, size)

    def _scale(self, deployment: Document, replicaset: Document, size: int) -> None:
        current = self.store.get("apps/v1", "ReplicaSet", *key_of(replicaset))
        before = current["spec"]["replicas"]
        if before == size:
            return
        changed = copy_of(current)
        changed["spec"]["replicas"] = size
        changed["metadata"].setdefault("annotations", {}).update(_counts(Rollout.of(deployment)))
        self.store.update(changed, manager="kube-controller-manager")
        self._tell(deployment, "up" if size > before else "down", current["metadata"]["name"], before, size)

    def _tell(self, deployment: Document, direction: str, name: str, before: int, after: int) -> None:
        message = f"Scaled {direction} replica set {name} from {before} to {after}"
        self.world.events.record(deployment, "Normal", "ScalingReplicaSet", message, by=self.name)

    def _forget(self, deployment: Document, old: Documents) -> None:
        """Deletes the oldest empty ReplicaSets beyond `revisionHistoryLimit`."""
        empty = [item for item in old if not item["spec"]["replicas"] and not item["status"].get("replicas")]
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        for replicaset in empty[: max(0, len(empty) - limit)]:
            self.store.delete("apps/v1", "ReplicaSet", *key_of(replicaset))

    # --- reporting ----------------------------------------------------------------------------------------

    def _report(self, key: Key) -> None:
        deployment = self.store.get("apps/v1", "Deployment", *key)
        replicasets = self._replicasets(deployment)
        new = next((item for item in replicasets if same_template(item, deployment)), None)
        status = _status(deployment, replicasets, new)
        failure = next((found for item in replicasets if (found := condition(item, "ReplicaFailure"))), None)
        status["conditions"] = progress_conditions(deployment, status, new, failure, self.world.clock.now())
        self.store.update_status(copy_of(deployment) | {"status": status})
        self._watch_deadline(key, status)

    def _watch_deadline(self, key: Key, status: Document) -> None:
        """Looks again when the progress deadline would pass; every report moves it."""
        if timer := self._deadlines.pop(key, None):
            timer.cancel()
        progressing = next((item for item in status["conditions"] if item["type"] == "Progressing"), None)
        if progressing is None or progressing["reason"] in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded"):
            return
        spec = self.store.get("apps/v1", "Deployment", *key)["spec"]
        due = moment(progressing["lastUpdateTime"]) + spec.get("progressDeadlineSeconds", 600) + 1
        self._deadlines[key] = self.world.at(due, lambda: self.mark(key))


@dataclass(frozen=True)
class _Totals:
    replicas: int
    ready: int
    available: int
    terminating: int


def _totals(replicasets: Documents) -> _Totals:
    statuses = [item.get("status", {}) for item in replicasets]
    return _Totals(
        sum(status.get("replicas", 0) for status in statuses),
        sum(status.get("readyReplicas", 0) for status in statuses),
        sum(status.get("availableReplicas", 0) for status in statuses),
        sum(status.get("terminatingReplicas", 0) for status in statuses),
    )


def _status(deployment: Document, replicasets: Documents, new: Document | None) -> Document:
    totals = _totals(replicasets)
    wanted = sum(item["spec"]["replicas"] for item in replicasets)
    counts = {
        "replicas": totals.replicas,
        "updatedReplicas": new.get("status", {}).get("replicas", 0) if new else 0,
        "readyReplicas": totals.ready,
        "availableReplicas": totals.available,
        "unavailableReplicas": max(0, wanted - totals.available),
    }
    return {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **{name: count for name, count in counts.items() if count},
        "terminatingReplicas": totals.terminating,
    }


def revision(replicaset: Document) -> int:
    return int(replicaset["metadata"].get("annotations", {}).get(REVISION, 0))


def same_template(replicaset: Document, deployment: Document) -> bool:
    """Whether the ReplicaSet is of the Deployment's present template."""
    template = copy_of(replicaset["spec"]["template"])
    template.get("metadata", {}).get("labels", {}).pop(HASH_LABEL, None)
    return bool(template == _plain(deployment["spec"]["template"]))


def _plain(template: Document) -> Document:
    plain: Document = copy_of(template)
    plain.setdefault("metadata", {}).setdefault("labels", {})
    return plain


def template_hash(deployment: Document) -> str:
    """Ten letters that depend on the template only; the alphabet is upstream's, the hash is not."""
    text = json.dumps(_plain(deployment["spec"]["template"]), sort_keys=True)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    letters = []
    for _ in range(10):
        number, rest = divmod(number, len(_SAFE))
        letters.append(_SAFE[rest])
    return "".join(letters)


def _counts(rollout: Rollout) -> dict[str, str]:
    return {
        "deployment.kubernetes.io/desired-replicas": str(rollout.replicas),
        "deployment.kubernetes.io/max-replicas": str(rollout.replicas + rollout.max_surge),
    }
