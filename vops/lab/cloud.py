"""The cloud under the cluster: node groups that can grow, and what the cloud answers when one is to.

Words are Compute Engine's, and GKE's for its users. A cluster without groups has no autoscaler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from math import inf

from vops.lab.documents import Document


class Refusal(Enum):
    """Why the cloud gives no machine: the autoscaler's error code; `in_events` is GKE's word for it."""

    QUOTA = "QUOTA_EXCEEDED"
    STOCKOUT = "RESOURCE_POOL_EXHAUSTED"

    @property
    def in_events(self) -> str:
        return "GCE quota exceeded" if self is Refusal.QUOTA else "GCE out of resources"


@dataclass
class NodeGroup:
    """Machines of one kind in one zone; `make` makes the Node object of a new one by its name."""

    name: str
    zone: str
    gpus: int
    make: Callable[[str], Document]
    most: int = 4
    size: int = 0
    made: int = 0
    backs_off_until: float = -inf
    back_off_s: float = 0.0
    refused: Refusal | None = None
    since: float = 0.0

    @property
    def url(self) -> str:
        """As the autoscaler names it."""
        return f"https://www.googleapis.com/compute/v1/projects/lab/zones/{self.zone}/instanceGroups/{self.name}"


@dataclass
class Cloud:
    """`stock` are the machines that are left in a zone (none missing), `quota` the GPUs that the project may have."""

    groups: list[NodeGroup] = field(default_factory=list)
    stock: dict[str, float] = field(default_factory=dict)
    quota: float = inf
    used: int = 0
    answer_s: float = 25.0
    boot_s: float = 150.0

    def buy(self, group: NodeGroup) -> Refusal | None:
        """Takes one machine out of the zone's stock; the quota is looked at first."""
        if self.used + group.gpus > self.quota:
            return Refusal.QUOTA
        if self.stock.get(group.zone, inf) < 1:
            return Refusal.STOCKOUT
        self.stock[group.zone] = self.stock.get(group.zone, inf) - 1
        self.used += group.gpus
        return None

    def words(self, group: NodeGroup, refusal: Refusal) -> str:
        """What Compute Engine says of the instance."""
        instance = f"{group.name.removesuffix('-grp')}-{group.made:04d}"
        if refusal is Refusal.QUOTA:
            region = group.zone.rpartition("-")[0]
            limit = f"Quota 'NVIDIA_L4_GPUS' exceeded.  Limit: {self.quota:.1f} in region {region}."
            return f"Instance '{instance}' creation failed: {limit}"
        return (
            f"Instance '{instance}' creation failed: The zone 'projects/lab/zones/{group.zone}' does not have enough "
            "resources available to fulfill the request.  Try a different zone, or try again later."
        )
