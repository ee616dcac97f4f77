"""A Prometheus server through prometheus_api_client, which blocks: every query runs in a thread.

The client (and the requests library under it) is imported with the first query, since most sessions make none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from vops.errors import Forbidden, Rejected, Unauthorized, Unavailable, Unreachable
from vops.model.text import one_line, scrub


class Client(Protocol):
    """What is used of `prometheus_api_client.PrometheusConnect`."""

    def custom_query(self, query: str, params: dict[str, str]) -> list[dict[str, Any]]: ...

    def close(self) -> None: ...


class PrometheusMetrics:
    """vops.ports.Metrics. `connect` makes the blocking client; by default prometheus_api_client's."""

    def __init__(
        self, url: str, *, timeout_s: float = 10.0, connect: Callable[[str, float], Client] | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._connect = connect or _connect
        self._client: Client | None = None
        self._one_at_a_time = asyncio.Lock()

    async def query(self, promql: str, at: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        """Instant query; labels come back scrubbed.

        Raises Unreachable, Unavailable (5xx, 429, timeouts), Unauthorized, Forbidden, or Rejected for a bad query.
        """
        params = {} if at is None else {"time": f"{at.timestamp():.3f}"}
        async with self._one_at_a_time:
            try:
                found = await asyncio.to_thread(self._ask, promql, params)
            except _failures() as error:
                raise _mapped(error, self._url) from error
        return [_scrubbed(item) for item in found if isinstance(item, dict)]

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    def _ask(self, promql: str, params: dict[str, str]) -> list[dict[str, Any]]:
        if self._client is None:
            self._client = self._connect(self._url, self._timeout_s)
        return list(self._client.custom_query(promql, params=params))


def _connect(url: str, timeout_s: float) -> Client:
    from prometheus_api_client import PrometheusConnect
    from urllib3.util.retry import Retry

    client: Client = PrometheusConnect(url=url, timeout=timeout_s, retry=Retry(total=0))
    return client


def _failures() -> tuple[type[Exception], ...]:
    """What the client raises: its own, requests', and ValueError or KeyError for an answer that is no Prometheus's."""
    from prometheus_api_client.exceptions import PrometheusApiClientException
    from requests import RequestException

    return (PrometheusApiClientException, RequestException, ValueError, KeyError, TypeError)


def _mapped(error: Exception, url: str) -> Exception:
    from requests import ConnectionError as NoConnection
    from requests import Timeout

    said = one_line(str(error))
    if isinstance(error, Timeout):
        return Unavailable(f"Prometheus at {url} did not answer in time", hint="raise --timeout, or narrow the query")
    if isinstance(error, NoConnection):
        return Unreachable(f"no Prometheus answers at {url}", hint="check prometheus_url in the settings")
    status = _status(said)
    match status:
        case 401:
            return Unauthorized(f"Prometheus at {url} asks for credentials", status=401)
        case 403:
            return Forbidden(f"Prometheus at {url} refuses the query", status=403)
        case 429 | 500 | 502 | 503 | 504:
            return Unavailable(f"Prometheus at {url} answered {status}", status=status)
        case 0:
            return Unreachable(f"what answers at {url} is not a Prometheus: {said}", hint="check prometheus_url")
    return Rejected(f"Prometheus at {url} refused the query: {said}", status=status)


def _status(said: str) -> int:
    """The client has the status in its message only: `HTTP Status Code 400 (b'…')`."""
    words = said.split()
    return int(words[3]) if said.startswith("HTTP Status Code ") and words[3].isdigit() else 0


def _scrubbed(item: dict[str, Any]) -> dict[str, Any]:
    labels = item.get("metric")
    named = labels if isinstance(labels, dict) else {}
    return {**item, "metric": {scrub(str(name)): scrub(str(value)) for name, value in named.items()}}
