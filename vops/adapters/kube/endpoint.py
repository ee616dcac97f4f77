"""Endpoint: where an API server is and how to prove who asks; what a login produces and a transport uses."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Endpoint:
    """One API server as one user of one context.

    `headers` authenticate (and impersonate) and are kept out of every repr; `certificate` tells one client
    certificate from the next; `expires` is when the credentials stop working, if that is known; `login` is what a
    person does to log in again; `flags` are those that lead kubectl to the same server as the same user.
    """

    url: str
    context: str
    namespace: str = "default"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    certificate: str = ""
    server_name: str = ""
    flags: str = ""
    proxy: str = field(default="", repr=False)
    expires: datetime | None = None
    login: str = ""

    @property
    def address(self) -> str:
        """`host:port`, for messages."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"{parts.hostname}:{port}"

    def kubectl(self, command: str) -> str:
        """The kubectl command line that asks the same server as the same user."""
        return f"kubectl {command} {self.flags}".rstrip()


Renew = Callable[[], Awaitable[Endpoint]]
"""Logs in again: reads the files again, runs the plugin again."""
