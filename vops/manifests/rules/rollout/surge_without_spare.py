"""The rolling update needs a GPU more than the workload has.

What it finds
    A Deployment with GPUs whose rolling update may take no replica down: `maxUnavailable` is 0, or a percentage that
    rounds down to 0, as the default of 25 % does below four replicas.

Why it matters
    The new pod needs its GPUs while the old one holds its own. Where no GPU is free it stays Pending, the old one is
    never taken down, and the rollout stands still.

Evidence
    `strategy`, `replicas`, and the GPUs that a replica needs; with a cluster at hand, whether a node has them free.

Fix
    `maxSurge: 0, maxUnavailable: 1`, or a node pool that is sure to grow; then allow this finding and say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.objects import mapping, text
from vops.manifests.rule import Flaw, rule
from vops.model.resources import RollingUpdate, Strategy
from vops.model.rollouts import bounds


@rule(Severity.WARNING, seen_servers)
def surge_without_spare(seen: Seen) -> Iterator[Flaw]:
    server = seen.server
    if not server.is_deployment or not server.gpus:
        return
    strategy = mapping(server.object.get("spec", "strategy"))
    if text(strategy.get("type")) == "Recreate":
        return
    replicas = seen.manifests.least_replicas(server.object) or 1
    surge = rolling_surge(strategy, replicas)
    if surge is None:
        return
    placement = seen.manifests.placement(server)
    if placement is not None and placement.fitting:
        return  # there is room for one more, now
    given = "by default" if not strategy.get("rollingUpdate") else "as written"
    needed = surge * server.gpus
    yield Flaw(
        server.object,
        (*server.object.path, "spec", "strategy"),
        f"with {replicas} replica{'s' if replicas > 1 else ''} the rolling update {given} needs {needed} "
        f"free GPU{'s' if needed > 1 else ''} before it takes anything down; without them it stands still",
        "set strategy.rollingUpdate to maxSurge: 0, maxUnavailable: 1",
    )


def rolling_surge(strategy: dict[str, Any], replicas: int) -> int | None:
    """The pods too many that an update starts with; None when it may take one down first."""
    rolling = mapping(strategy.get("rollingUpdate"))
    update = RollingUpdate(_bound(rolling.get("maxSurge")), _bound(rolling.get("maxUnavailable")))
    found = bounds(Strategy(rolling_update=update), replicas)
    return None if found is None or found.unavailable else found.surge


def _bound(value: Any) -> int | str | None:
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None
