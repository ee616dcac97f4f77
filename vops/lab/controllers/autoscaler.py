"""The Cluster Autoscaler, as GKE runs it: it asks the cloud for nodes that pending pods would fit on.

It looks every ten seconds, enlarges one group at a time by one node, backs a group off after a refusal (5 minutes,
doubling to 30), and tells pods what it did. Leaves out scaling down, balancing and expanders: the first group that
fits is taken. Sources: kubernetes/autoscaler (eventing_scale_up_processor.go, clusterstate.go, api/types.go) and the
texts of GKE's FailedScaleUp.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vops.lab.cloud import NodeGroup, Refusal
from vops.lab.controllers.base import Controller, condition, terminating
from vops.lab.controllers.claims import claims_of
from vops.lab.controllers.placement import refusal
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.lab.store import Documents

if TYPE_CHECKING:
    from vops.lab.world import World

_SCAN_S = 10.0
_FIRST_BACK_OFF_S, _LAST_BACK_OFF_S = 300.0, 1800.0
_STATUS = ("kube-system", "cluster-autoscaler-status")
_LOOP: Key = ("", "")
_MOST_REACHED = "max node group size reached"
_BACKED_OFF = "in backoff after failed scale-up"


class ClusterAutoscaler(Controller):
    """One loop, which runs while a pod waits for a node."""

    name = "cluster-autoscaler"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._planned = False
        self._helped: dict[str, NodeGroup] = {}

    def notice(self, change: Change) -> None:
        if self.world.cloud.groups and change.kind.kind == "Pod" and _waits(change.document):
            self._scan_soon()

    def _scan_soon(self) -> None:
        if not self._planned:
            self._planned = True
            self.mark_after(_SCAN_S, _LOOP)

    def reconcile(self, key: Key) -> None:
        self._planned = False
        pods = [pod for pod in self.store.list("v1", "Pod") if _waits(pod)]
        for pod in pods:
            if pod["metadata"]["uid"] not in self._helped:
                self._help(pod)
        if pods:
            self._report()
            self._scan_soon()

    # --- one pod ------------------------------------------------------------------------------------------

    def _help(self, pod: Document) -> None:
        """Enlarges a group for a pod, or says why it does not."""
        reasons: Counter[str] = Counter()
        for group in self.world.cloud.groups:
            why = self._unfit(pod, group)
            if not why:
                self._enlarge(group, pod)
                return
            reasons.update(why)
        said = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        self._tell(pod, "Normal", "NotTriggerScaleUp", f"pod didn't trigger scale-up: {said}")

    def _unfit(self, pod: Document, group: NodeGroup) -> tuple[str, ...]:
        """Why a group is no help to a pod: its nodes would not do, or it cannot grow now."""
        node = group.make(f"template-for-{group.name}")
        found = refusal(pod, node, {}) or claims_of(self.store, pod).refusal(node)
        if found:
            return found.reasons
        if group.size >= group.most:
            return (_MOST_REACHED,)
        return (_BACKED_OFF,) if self.world.now < group.backs_off_until else ()

    def _enlarge(self, group: NodeGroup, pod: Document) -> None:
        now, new = group.size, group.size + 1
        group.size, group.since = new, self.world.now
        self._helped[pod["metadata"]["uid"]] = group
        said = f"pod triggered scale-up: [{{{group.url} {now}->{new} (max: {group.most})}}]"
        self._tell(pod, "Normal", "TriggeredScaleUp", said)
        self.world.after(self.world.cloud.answer_s, lambda: self._answered(group))

    def _answered(self, group: NodeGroup) -> None:
        refused = self.world.cloud.buy(group)
        if refused is None:
            self.world.after(self.world.cloud.boot_s, lambda: self._join(group))
            return
        group.size -= 1
        group.refused, group.since = refused, self.world.now
        group.back_off_s = min(max(_FIRST_BACK_OFF_S, 2 * group.back_off_s), _LAST_BACK_OFF_S)
        group.backs_off_until = self.world.now + group.back_off_s
        said = (
            f"Node scale up in zones {group.zone} associated with this pod failed: {refused.in_events}. "
            "Pod is at risk of not being scheduled."
        )
        for pod in self._let_go(group):
            self._tell(pod, "Warning", "FailedScaleUp", said)
        self._report(self.world.cloud.words(group, refused), group, refused)

    def _join(self, group: NodeGroup) -> None:
        group.made += 1
        group.refused, group.back_off_s = None, 0.0
        self.store.create(group.make(f"{group.name.removesuffix('-grp')}-{group.made:04d}"))
        self._let_go(group)

    def _let_go(self, group: NodeGroup) -> Documents:
        """The pods that a group was enlarged for, as far as they are there: they are on their own again."""
        uids = {uid for uid, helped in self._helped.items() if helped is group}
        for uid in uids:
            del self._helped[uid]
        return [pod for pod in self.store.list("v1", "Pod") if pod["metadata"]["uid"] in uids]

    def _tell(self, pod: Document, type_: str, reason: str, message: str) -> None:
        self.world.events.record(pod, type_, reason, message[:250], by=self.name)

    # --- its status ---------------------------------------------------------------------------------------

    def _report(self, words: str = "", group: NodeGroup | None = None, refused: Refusal | None = None) -> None:
        """Writes the status ConfigMap; of a refusal an event about it, too."""
        found = self.store.find("v1", "ConfigMap", *_STATUS)
        status = {"status": self._status()}
        if found is None:
            metadata = {"namespace": _STATUS[0], "name": _STATUS[1]}
            found = self.store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": status})
        else:
            found = self.store.update(copy_of(found) | {"data": status}, manager=self.name)
        if group is not None and refused is not None:
            said = (
                f"Failed adding 1 nodes to group {group.url} due to OutOfResourcesErrorClass.{refused.value}; "
                f"source errors: {words}"
            )
            self.world.events.record(found, "Warning", "ScaleUpFailed", said, by=self.name)

    def _status(self) -> str:
        now = timestamp(self.world.clock.now())
        groups = "".join(self._group_status(group, now) for group in self.world.cloud.groups)
        whole = "clusterWide:\n  health:\n    status: Healthy\n"
        return f'time: "{now}"\nautoscalerStatus: Running\n{whole}nodeGroups:\n{groups}'

    def _group_status(self, group: NodeGroup, now: str) -> str:
        backs_off = group.refused is not None and self.world.now < group.backs_off_until
        pending = group.size - group.made
        status = "Backoff" if backs_off else "InProgress" if pending > 0 else "NoActivity"
        lines = [
            f"- name: {group.url}",
            "  health:",
            "    status: Healthy",
            f"    cloudProviderTarget: {group.size}",
            "    minSize: 0",
            f"    maxSize: {group.most}",
            f'    lastProbeTime: "{now}"',
            "  scaleUp:",
            f"    status: {status}",
        ]
        if backs_off and group.refused is not None:
            lines += [
                "    backoffInfo:",
                f"      errorCode: {group.refused.value}",
                f'      errorMessage: "{self.world.cloud.words(group, group.refused)}"',
            ]
        since = timestamp(self.world.clock_at(group.since))
        lines += [
            f'    lastProbeTime: "{now}"',
            f'    lastTransitionTime: "{since}"',
            "  scaleDown:",
            "    status: NoCandidates",
        ]
        return "\n".join(lines) + "\n"


def _waits(pod: Document) -> bool:
    scheduled = condition(pod, "PodScheduled")
    unschedulable = scheduled is not None and scheduled.get("reason") == "Unschedulable"
    return unschedulable and not pod["spec"].get("nodeName") and not terminating(pod)
