"""The ResourceQuota controller: the status of quotas follows the pods."""

from __future__ import annotations

from vops.lab.admission import written
from vops.lab.controllers.base import Controller, key_of
from vops.lab.documents import Change, Key, copy_of


class QuotaController(Controller):
    """Counts anew whenever a pod of the namespace comes, ends or goes."""

    name = "resourcequota-controller"

    def notice(self, change: Change) -> None:
        if change.kind.kind == "ResourceQuota":
            self.mark(change.key)
        elif change.kind.kind == "Pod":
            for quota in self.store.list("v1", "ResourceQuota", change.key[0]):
                self.mark(key_of(quota))

    def reconcile(self, key: Key) -> None:
        quota = self.store.find("v1", "ResourceQuota", *key)
        if quota is None:
            return
        used = {name: written(name, amount) for name, amount in self.world.admission.used(quota).items()}
        status = {"hard": dict(quota["spec"]["hard"]), "used": used}
        if quota.get("status") != status:
            self.store.update_status(copy_of(quota) | {"status": status})
