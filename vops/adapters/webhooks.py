"""Webhooks by name: one line of text to whoever is told, as chat systems take it (`{"text": …}`).

The address of a channel is a secret (whoever has it may write there), so it comes from the environment variable
`VOPS_NOTIFY_<CHANNEL>` and from nowhere else, and no error, log or plan ever holds it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from vops.errors import UsageError

PREFIX = "VOPS_NOTIFY_"
TIMEOUT_S = 10.0


def variable(channel: str) -> str:
    """The environment variable of a channel."""
    return PREFIX + channel.upper().replace("-", "_")


class Webhooks:
    """vops.ports.Notifier, over the channels that the environment names."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, timeout_s: float = TIMEOUT_S) -> None:
        self._environ = environ
        self._timeout_s = timeout_s

    async def send(self, channel: str, text: str, key: str) -> None:
        """Posts once, with `key` as its Idempotency-Key.

        Raises UsageError for a channel without an address, Unreachable or Rejected for a bad answer.
        """
        import httpx

        from vops.errors import Rejected, Unreachable

        url = self._address(channel)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            async with httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False) as client:
                answer = await client.post(url, content=msgspec.json.encode({"text": text}), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # The error's own words may hold the address, so only its kind is said.
            raise Unreachable(f"channel {channel} does not answer ({type(error).__name__})") from None
        if not answer.is_success:
            raise Rejected(f"channel {channel} answers {answer.status_code}", status=answer.status_code)

    def _address(self, channel: str) -> str:
        url = self._environ.get(variable(channel), "")
        if not url:
            hint = f"set {variable(channel)} to the address of its webhook"
            raise UsageError(f"nobody knows where channel {channel} is", hint=hint)
        if urlsplit(url).scheme not in ("https", "http"):
            raise UsageError(f"{variable(channel)} is not an address that begins with https://")
        return url
