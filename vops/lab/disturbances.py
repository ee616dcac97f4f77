"""Trouble on purpose: what a test can make the lab's API server do to the requests that come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Received:
    """One request as it reached the server; `status` stays 0 when it was not answered."""

    method: str
    path: str
    query: Mapping[str, str]
    content_type: str
    user_agent: str
    body: bytes
    status: int = 0

    @property
    def is_write(self) -> bool:
        """Whether it was meant to change something: no read, no dry run, no access review."""
        reviewed = "/authorization.k8s.io/" in self.path
        return self.method not in ("GET", "HEAD") and not self._is_dry_run and not reviewed

    @property
    def _is_dry_run(self) -> bool:
        """By its query, or for a DELETE by its body, which the API server reads then."""
        return "dryRun" in self.query or (self.method == "DELETE" and b'"dryRun":["All"]' in self.body)


@dataclass(slots=True)
class Disturbance:
    """What happens to `times` requests whose method and path match, once `after` of them have passed untouched.

    `status` 0 drops the connection: before the request is handled, or, with `after_write`, once it has taken effect.
    """

    times: int
    status: int = 0
    after: int = 0
    after_write: bool = False
    method: str = ""
    path: str = ""
    reason: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def is_for(self, method: str, path: str) -> bool:
        """Whether such a request is one of those meant."""
        return self.times != 0 and self.method in ("", method) and self.path in path

    def strikes(self, method: str, path: str) -> bool:
        """Whether it befalls this request; counts the request, if it is one of those meant."""
        if not self.is_for(method, path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Disturbances:
    """The trouble that is planned; the oldest that is meant for a request strikes first."""

    def __init__(self) -> None:
        self.latency_s = 0.0
        self._planned: list[Disturbance] = []

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        after: int = 0,
        method: str = "",
        path: str = "",
        message: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        """Answers the next `times` requests (of that method, with `path` in theirs) with an error Status.

        The first `after` such requests pass.
        """
        self._planned.append(
            Disturbance(
                times,
                status,
                after,
                method=method,
                path=path,
                reason=_REASONS.get(status, ""),
                message=message or f"planned {status}",
                headers={} if retry_after_s is None else {"Retry-After": str(retry_after_s)},
            )
        )

    def drop(
        self, *, times: int = 1, after: int = 0, after_write: bool = False, method: str = "", path: str = ""
    ) -> None:
        """Closes the connection instead of answering; with `after_write` the request takes effect all the same."""
        self._planned.append(Disturbance(times, 0, after, after_write, method, path))

    def clear(self) -> None:
        self.latency_s = 0.0
        self._planned.clear()

    def spares(self, method: str, path: str) -> bool:
        """Whether nothing is planned for such a request, and nothing counts it."""
        return not self.latency_s and not any(planned.is_for(method, path) for planned in self._planned)

    def take(self, method: str, path: str) -> Disturbance | None:
        """The disturbance that befalls this request, used up by one."""
        return next((planned for planned in self._planned if planned.strikes(method, path)), None)
