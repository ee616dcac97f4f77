"""The garbage collector: what an object owned goes when the object is gone."""

from __future__ import annotations

from vops.lab.controllers.base import Controller, controller_of, key_of, terminating
from vops.lab.documents import Change, Key
from vops.lab.statuses import ApiError

_OWNED = (("apps/v1", "ReplicaSet"), ("v1", "Pod"), ("autoscaling/v2", "HorizontalPodAutoscaler"))
_OWNERS = ("Deployment", "ScaledObject", "ReplicaSet", "DaemonSet", "StatefulSet", "Job")


class GarbageCollector(Controller):
    """Background deletion of the ReplicaSets, Pods and HPAs whose controller no longer exists."""

    name = "generic-garbage-collector"

    def notice(self, change: Change) -> None:
        if change.type == "DELETED" and change.kind.kind in _OWNERS:
            self.mark((change.document["metadata"]["uid"], ""))

    def reconcile(self, key: Key) -> None:
        uid = key[0]
        for api_version, kind in _OWNED:
            for item in self.store.list(api_version, kind):
                if (controller_of(item) or {}).get("uid") == uid and not terminating(item):
                    self._delete(api_version, kind, key_of(item))

    def _delete(self, api_version: str, kind: str, key: Key) -> None:
        try:
            self.store.delete(api_version, kind, *key)
        except ApiError as refusal:
            if refusal.code != 404:
                raise
