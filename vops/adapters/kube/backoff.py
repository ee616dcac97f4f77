"""How long to wait before trying again: 0.25·2ⁿ s ±20 %, capped by what failed."""

from __future__ import annotations

from collections.abc import Callable

from vops.errors import ClusterError, Forbidden, NotFound, Unavailable, Unreachable

FIRST_S = 0.25
CAP_S = 30.0
UNREACHABLE_CAP_S = 2.0
"""A server that is back must be seen within seconds; a refused connection costs nobody anything."""
DENIED_CAP_S = 60.0
LONGEST_RETRY_AFTER_S = 60.0


class Backoff:
    """Delays that grow while the same kind of failure goes on; `random` gives 0..1."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failure: type[ClusterError] | None = None
        self._failures = 0

    def reset(self) -> None:
        """It worked: the next failure starts from the first delay."""
        self._failure, self._failures = None, 0

    def delay_s(self, error: ClusterError) -> float:
        """Seconds to wait after `error`; the server's own wish (Retry-After) is honoured up to a minute."""
        if type(error) is not self._failure:
            self._failure, self._failures = type(error), 0
        delay = min(_cap_s(error), FIRST_S * 2.0 ** min(self._failures, 16)) * (0.8 + 0.4 * self._random())
        self._failures += 1
        if isinstance(error, Unavailable) and error.retry_after_s is not None:
            return max(delay, min(error.retry_after_s, LONGEST_RETRY_AFTER_S))
        return delay


def _cap_s(error: ClusterError) -> float:
    if isinstance(error, Unreachable):
        return UNREACHABLE_CAP_S
    # A server that has just started refuses for a moment what its roles allow: denials too are retried soon at first.
    return DENIED_CAP_S if isinstance(error, Forbidden | NotFound) else CAP_S
