"""PodDisruptionBudgets and the pods that they hold: how many may be evicted now."""

from __future__ import annotations

import math
from collections.abc import Iterable

from vops.diagnosis.placement.filters.labels import label_selector
from vops.model.disruption import PodDisruptionBudget
from vops.model.pods import Pod


def budgets_of(pod: Pod, budgets: Iterable[PodDisruptionBudget]) -> tuple[PodDisruptionBudget, ...]:
    """The budgets that hold a pod."""
    return tuple(item for item in budgets if _holds(item, pod))


def allowed(budget: PodDisruptionBudget, pods: Iterable[Pod]) -> int:
    """How many of its pods may be evicted now: as its controller says, or counted as the controller does."""
    if budget.status.observed_generation:
        return budget.status.disruptions_allowed
    mine = [pod for pod in pods if _holds(budget, pod)]
    healthy = sum(_is_healthy(pod) for pod in mine)
    if budget.spec.max_unavailable is not None:
        return max(0, healthy - (len(mine) - _pods(budget.spec.max_unavailable, len(mine))))
    return max(0, healthy - _pods(budget.spec.min_available or 0, len(mine)))


def asked(budget: PodDisruptionBudget) -> str:
    """`at most 1 unavailable`, `at least 2 available`."""
    if budget.spec.max_unavailable is not None:
        return f"at most {budget.spec.max_unavailable} unavailable"
    return f"at least {budget.spec.min_available or 0} available"


def _holds(budget: PodDisruptionBudget, pod: Pod) -> bool:
    if budget.metadata.namespace != pod.metadata.namespace or budget.spec.selector is None:
        return False
    selector = {
        "matchLabels": budget.spec.selector.match_labels,
        "matchExpressions": budget.spec.selector.match_expressions,
    }
    return label_selector(selector)(pod.metadata.labels)


def _is_healthy(pod: Pod) -> bool:
    ready = pod.condition("Ready")
    return ready is not None and ready.status == "True" and pod.metadata.deletion_timestamp is None


def _pods(bound: int | str, total: int) -> int:
    """A number, or a percentage of the pods, rounded up."""
    if isinstance(bound, int):
        return bound
    share = bound.removesuffix("%")
    return math.ceil(total * int(share) / 100) if share.isdecimal() else 0
