"""What brings nodes to a cluster: which autoscalers show themselves in a snapshot, and what they said of late.

One reading for all pods of a snapshot; what it means for one pod is in vops.diagnosis.provisioning.coming.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from functools import cached_property

from vops.diagnosis.provisioning import cluster_autoscaler, karpenter
from vops.diagnosis.provisioning.cloud_text import cloud_of
from vops.diagnosis.provisioning.cluster_autoscaler import NodeGroup
from vops.model.provisioning import ConfigMap, NodeClaim, NodePool
from vops.model.resources import Event
from vops.model.snapshot import ClusterSnapshot, Source

ANSWERS_COUNT = timedelta(minutes=30)
"""How long the answer of a cloud says something about what it would answer now."""

_EVENTS_LIVE = timedelta(hours=1)
_OF_PODS = ("TriggeredScaleUp", "NotTriggerScaleUp", "FailedScaleUp")
_OF_GROUPS = ("ScaleUpFailed", "FailedToScaleUpGroup", "ScaleUpTimedOut")
_ABOUT = ("NodeClaim", "ConfigMap", "Pod")
_CLOUDS = (("gce://", "gce"), ("aws://", "aws"), ("azure://", "azure"))
_GKE_LABEL = "cloud.google.com/gke-nodepool"


class Autoscalers:
    """The autoscalers of one snapshot."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self._snapshot = snapshot

    @property
    def at(self) -> datetime:
        return self._snapshot.at

    @cached_property
    def groups(self) -> tuple[NodeGroup, ...]:
        """The node groups of the Cluster Autoscaler."""
        return cluster_autoscaler.node_groups(item for item in self._snapshot.related if isinstance(item, ConfigMap))

    @cached_property
    def pools(self) -> tuple[NodePool, ...]:
        return tuple(item for item in self._snapshot.related if isinstance(item, NodePool))

    @cached_property
    def claims(self) -> dict[str, NodeClaim]:
        """Karpenter's NodeClaims by name."""
        return {item.metadata.name: item for item in self._snapshot.related if isinstance(item, NodeClaim)}

    @property
    def claims_known(self) -> bool:
        """Whether a NodeClaim that is not among `claims` is not there."""
        return self._snapshot.source(Source.NODE_CLAIMS).usable

    @property
    def pools_known(self) -> bool:
        """Whether a NodePool that is not among `pools` is not there."""
        return self._snapshot.source(Source.NODE_POOLS).usable

    @cached_property
    def _events(self) -> dict[str, list[Event]]:
        """What is said about NodeClaims, the status ConfigMap and pods that wait, by the reason, oldest first."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self._snapshot.events:
            known = event.reason in _OF_PODS or event.reason in _OF_GROUPS or event.reason in karpenter.LACKS
            if known and event.involved_object.kind in _ABOUT and self.age(event) <= _EVENTS_LIVE:
                found[event.reason].append(event)
        for several in found.values():
            several.sort(key=lambda event: event.last_seen or self.at)
        return found

    @cached_property
    def group_failures(self) -> tuple[Event, ...]:
        """Scale-ups of groups that failed within ANSWERS_COUNT, oldest first."""
        several = (event for reason in _OF_GROUPS for event in self._events.get(reason, ()))
        return tuple(event for event in several if self.age(event) <= ANSWERS_COUNT)

    @cached_property
    def lacks(self) -> tuple[Event, ...]:
        """Nodes that Karpenter asked for and did not get, within ANSWERS_COUNT, oldest first."""
        several = (event for reason in karpenter.LACKS for event in self._events.get(reason, ()))
        return tuple(event for event in several if self.age(event) <= ANSWERS_COUNT)

    @cached_property
    def has_cluster_autoscaler(self) -> bool:
        """Whether a Cluster Autoscaler shows itself; that it does not proves nothing."""
        return bool(self.groups) or self._status_map or any(self._events.get(reason) for reason in _OF_PODS)

    @cached_property
    def _status_map(self) -> bool:
        maps = (item for item in self._snapshot.related if isinstance(item, ConfigMap))
        return any(item.metadata.name == cluster_autoscaler.STATUS for item in maps)

    @property
    def surely_none(self) -> bool:
        """Whether everything was read where an autoscaler would show itself, and none does."""
        read = all(self._snapshot.source(source).usable for source in (Source.CONFIG_MAPS, Source.NODE_POOLS))
        return read and not self.pools and not self.claims and not self.has_cluster_autoscaler

    @cached_property
    def cloud(self) -> str:
        """`gce`, `aws` or `azure`, by where the nodes come from; empty when they do not tell."""
        providers = (node.spec.provider_id for node in self._snapshot.nodes)
        found = (cloud for provider in providers for prefix, cloud in _CLOUDS if provider.startswith(prefix))
        return next(found, "gce" if self._looks_like_gke else self._spoken)

    @cached_property
    def _spoken(self) -> str:
        """Whose words the autoscaler passes on; GKE's own event is made of any cloud's, where they came alone."""
        return cloud_of(" ".join(item.message for item in self._events.get("FailedScaleUp", ())))

    @property
    def _looks_like_gke(self) -> bool:
        if self._events.get("FailedScaleUp") and self._spoken in ("", "gce"):
            return True
        labelled = any(_GKE_LABEL in node.metadata.labels for node in self._snapshot.nodes)
        return labelled or any("/instanceGroups/" in group.name for group in self.groups)

    def age(self, event: Event) -> timedelta:
        """How long ago an event was seen last; nothing for one without a time."""
        return self.at - (event.last_seen or self.at)
