"""Replicas share a claim that one node may mount.

What it finds
    A workload with several replicas, or with a rolling update that starts the new pod first, on one ReadWriteOnce
    claim.

Why it matters
    The second pod on another node waits for ever: `Multi-Attach error`. With ReadWriteOncePod even one on the same
    node does.

Evidence
    The claim's access modes (when the claim is among the manifests), the replicas and the strategy.

Fix
    A ReadWriteMany or ReadOnlyMany claim; a StatefulSet with claim templates; or one replica with Recreate.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Manifests, everything
from vops.manifests.objects import mapping, text, whole_number
from vops.manifests.rule import Flaw, rule
from vops.manifests.rules.rollout.surge_without_spare import rolling_surge

_ONE_NODE = {"ReadWriteOnce", "ReadWriteOncePod"}
_FIX = "use ReadWriteMany or ReadOnlyMany, or one replica with strategy Recreate"


@rule(Severity.ERROR, everything)
def rwo_shared(manifests: Manifests) -> Iterator[Flaw]:
    for claim in manifests.claims:
        item = claim.pod.object
        modes = set(claim.access_modes)
        if not modes or not modes <= _ONE_NODE or item.kind != "Deployment":
            continue
        replicas = whole_number(item.get("spec", "replicas")) or 1
        most = max([replicas, *(_ceiling(scaler.spec) for scaler in manifests.autoscalers(item))])
        path = claim.pod.field("volumes", claim.volume_index)
        if most > 1:
            words = f"up to {most} replicas share claim {claim.claim.name}, which one node may mount"
            yield Flaw(item, path, words, _FIX)
        elif _starts_first(item.spec):
            words = f"the new pod of an update waits for claim {claim.claim.name}, which the old one's node holds"
            yield Flaw(item, path, words, _FIX, Severity.WARNING)


def _ceiling(spec: dict[str, object]) -> int:
    return whole_number(spec.get("maxReplicaCount")) or whole_number(spec.get("maxReplicas")) or 1


def _starts_first(spec: dict[str, object]) -> bool:
    strategy = mapping(spec.get("strategy"))
    return text(strategy.get("type")) != "Recreate" and rolling_surge(strategy, 1) is not None
