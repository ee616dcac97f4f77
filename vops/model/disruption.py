"""PodDisruptionBudgets: how many pods of a group may be evicted at a time."""

from __future__ import annotations

from msgspec import field

from vops.model.objects import Kind, Object, Resource
from vops.model.resources import LabelSelector


class BudgetSpec(Object, frozen=True):
    """One of the bounds is given: a number, or a percentage such as "50%"."""

    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    selector: LabelSelector | None = None


class BudgetStatus(Object, frozen=True):
    """What the disruption controller has counted; `observed_generation` is 0 before it has."""

    observed_generation: int = 0
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0


class PodDisruptionBudget(Resource, frozen=True, tag_field="kind", tag="PodDisruptionBudget"):
    spec: BudgetSpec = field(default_factory=BudgetSpec)
    status: BudgetStatus = field(default_factory=BudgetStatus)


DISRUPTION_BUDGETS = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", decodes_to=PodDisruptionBudget)
