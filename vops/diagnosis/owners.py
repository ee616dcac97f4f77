"""Who controls a pod: from its owner reference up to the Deployment, StatefulSet or other controller at the top."""

from __future__ import annotations

from functools import cached_property
from itertools import chain

from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import Workload
from vops.model.snapshot import ClusterSnapshot


class Owners:
    """The controllers of one snapshot, by uid; of the snapshot it keeps no more than those."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self._workloads = snapshot.deployments, snapshot.statefulsets, snapshot.replicasets

    @cached_property
    def _controllers(self) -> dict[str, Workload]:
        return {workload.metadata.uid: workload for workload in chain(*self._workloads)}

    @cached_property
    def _deployments(self) -> dict[tuple[str, str], Workload]:
        return {(item.metadata.namespace, item.metadata.name): item for item in self._workloads[0]}

    def of(self, pod: Pod) -> tuple[Workload | None, Ref | None]:
        """The topmost controller of a pod: as an object when it was observed, and by name in any case.

        A ReplicaSet that was not observed is taken to belong to the Deployment that its name and the pod's
        `pod-template-hash` label give.
        """
        reference = pod.metadata.controller
        if reference is None:
            return None, None
        namespace = pod.metadata.namespace
        direct = self._controllers.get(reference.uid)
        if direct is None or direct.metadata.controller is None:
            if reference.kind == "ReplicaSet":
                return self._by_hash(pod, reference.name)
            return direct, Ref(reference.kind, reference.name, namespace, reference.uid)
        above = direct.metadata.controller
        return self._controllers.get(above.uid), Ref(above.kind, above.name, namespace, above.uid)

    def _by_hash(self, pod: Pod, replicaset: str) -> tuple[Workload | None, Ref]:
        namespace, suffix = pod.metadata.namespace, "-" + pod.metadata.labels.get("pod-template-hash", "?")
        if not replicaset.endswith(suffix):
            return None, Ref("ReplicaSet", replicaset, namespace)
        name = replicaset.removesuffix(suffix)
        known = self._deployments.get((namespace, name))
        return known, Ref("Deployment", name, namespace, known.metadata.uid if known else "")
