"""A PodDisruptionBudget that never lets a pod go.

What it finds
    A budget with `maxUnavailable: 0`, or a `minAvailable` that is all replicas.

Why it matters
    `kubectl drain`, node upgrades and the cluster autoscaler wait for ever for an eviction that is never granted.

Evidence
    The budget, and the replicas of the workload that it selects (an autoscaler's floor, when there is one).

Fix
    `maxUnavailable: 1`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Manifests, everything
from vops.manifests.objects import Object, selects, strings, text
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, everything)
def pdb_blocks_drain(manifests: Manifests) -> Iterator[Flaw]:
    for budget in manifests.kind("PodDisruptionBudget"):
        least, most = budget.get("spec", "minAvailable"), budget.get("spec", "maxUnavailable")
        if text(most) in ("0", "0%"):
            yield _flaw(budget, "maxUnavailable", f"maxUnavailable {most} never lets a pod be evicted")
        elif text(least) == "100%":
            yield _flaw(budget, "minAvailable", "minAvailable 100% never lets a pod be evicted")
        elif isinstance(least, int) and not isinstance(least, bool):
            replicas = _replicas(manifests, budget)
            if replicas is not None and least >= replicas:
                words = f"minAvailable {least} of {replicas} replica{'s' if replicas > 1 else ''} blocks every drain"
                yield _flaw(budget, "minAvailable", words)


def _replicas(manifests: Manifests, budget: Object) -> int | None:
    """The replicas of the workload that a budget is about, when it is one of the manifests."""
    selector = strings(budget.get("spec", "selector", "matchLabels"))
    for pod in manifests.pods:
        scalable = pod.object.kind in ("Deployment", "StatefulSet")
        if scalable and budget.beside(pod.object) and selects(selector, pod.labels):
            return max(1, manifests.least_replicas(pod.object))
    return None


def _flaw(budget: Object, field: str, words: str) -> Flaw:
    return Flaw(budget, (*budget.path, "spec", field), words, "set maxUnavailable: 1 instead")
