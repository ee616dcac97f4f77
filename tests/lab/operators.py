"""Operators that the lab does not have, as far as runbooks wait for them: each says of its objects that all is well."""

from __future__ import annotations

from vops.lab.documents import Change, Document, copy_of
from vops.lab.world import Lab

SCALED_OBJECT = ("keda.sh/v1alpha1", "ScaledObject")
MONITOR = ("monitoring.coreos.com/v1", "ServiceMonitor")
ALERTS = ("monitoring.coreos.com/v1", "PrometheusRule")
SERVICE = ("serving.kserve.io/v1beta1", "InferenceService")
RUNTIME = ("serving.kserve.io/v1alpha1", "ServingRuntime")
GROUPS = ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")
TAKES_S = 5.0


def install(lab: Lab, *kinds: tuple[str, str]) -> None:
    """Has the lab serve these kinds, and looks after the objects that come."""
    for api_version, kind in kinds:
        lab.store.catalog.custom(api_version, kind, namespaced=True)

    def notice(change: Change) -> None:
        document = change.document
        if (document["apiVersion"], document["kind"]) in kinds and _STATUS.get(document["kind"]):
            lab.world.after(TAKES_S, lambda: _say(lab, document))

    lab.store.subscribe(notice)


def _say(lab: Lab, document: Document) -> None:
    meta = document["metadata"]
    found = lab.store.find(document["apiVersion"], document["kind"], meta.get("namespace", ""), meta["name"])
    if found is not None and not found.get("status"):
        lab.store.update_status({**copy_of(found), "status": _STATUS[document["kind"]]})


def _true(type_: str) -> Document:
    met = {"type": type_, "status": "True", "reason": "Met", "lastTransitionTime": "2026-03-02T09:00:00Z"}
    return {"conditions": [met]}


_STATUS: dict[str, Document] = {
    "InferenceService": _true("Ready"),
    "LeaderWorkerSet": {"readyReplicas": 1, "replicas": 1},
}
