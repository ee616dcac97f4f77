"""A rolling update's bounds in pods, as the Deployment controller counts them.

Source: ResolveFenceposts of Kubernetes 1.36 (pkg/controller/deployment/util): surge rounds up, unavailable rounds
down, and where both come to 0 one pod may be unavailable.
"""

from __future__ import annotations

from typing import NamedTuple

from vops.model.resources import Strategy

DEFAULT_BOUND = "25%"
"""maxSurge and maxUnavailable where a Deployment gives none."""


class Bounds(NamedTuple):
    """A rolling update's strategy in pods: how many too many, how many too few."""

    surge: int
    unavailable: int


def bounds(strategy: Strategy, replicas: int) -> Bounds | None:
    """maxSurge (rounded up) and maxUnavailable (rounded down) in pods, never both 0; None for Recreate.

    Text that is no percentage, which no API server lets through, counts as 0.
    """
    if strategy.type == "Recreate":
        return None
    rolling = strategy.rolling_update
    surge = _pods(rolling.max_surge if rolling else None, replicas, up=True)
    unavailable = _pods(rolling.max_unavailable if rolling else None, replicas, up=False)
    return Bounds(surge, unavailable if surge or unavailable else 1)


def _pods(bound: int | str | None, replicas: int, *, up: bool) -> int:
    value = DEFAULT_BOUND if bound is None else bound
    if isinstance(value, int):
        return value
    share = value.removesuffix("%")
    hundredths = int(share) * replicas if share.isdecimal() else 0
    return -(-hundredths // 100) if up else hundredths // 100
